/* SPDX-License-Identifier: GPL-2.0-only */
/* Which layer of an overlay a file is in. */
#ifndef HAUBERK_LAYERS_H
#define HAUBERK_LAYERS_H

#include "kernel.h"

/* include/uapi/linux/magic.h */
#define OVERLAYFS_SUPER_MAGIC 0x794c7630

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* fs/file_table.c; since Linux 6.8, before which f_path itself is the overlay's. */
struct backing_file {
	struct path user_path;
};

#pragma clang attribute pop

static __always_inline bool is_on_overlay(struct inode *inode)
{
	return BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC;
}

/*
 * Whether a file or directory of an overlay has a dentry in the upper layer: it was made, changed or copied up there.
 * overlayfs keeps that dentry directly behind the inode, in struct ovl_inode. Where overlayfs is a module, its types
 * are not available before the first overlay is mounted, so the place is taken from the size of struct inode; whether
 * that is right, the daemon tests on the roots of containers: see src/kernel/layer-trial.ts.
 */
static __always_inline bool is_in_upper_layer(struct inode *inode)
{
	__u64 upper = 0;

	if (bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode)))
		return true;
	return upper;
}

#endif
