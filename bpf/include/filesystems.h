/* SPDX-License-Identifier: GPL-2.0-only */
/* Files by the type of the filesystem they lie on. */
#ifndef HAUBERK_FILESYSTEMS_H
#define HAUBERK_FILESYSTEMS_H

#include "decide.h"

static __always_inline int decide_filesystem(struct membership *membership, struct file *file, __u32 operation)
{
	struct access access = {
		.subject = SUBJECT_FILESYSTEMS,
		.operation = operation,
		.key = KEY_FILESYSTEM,
		.wanted = ACCESS_USE,
	};
	struct dentry *dentry = file->f_path.dentry;

	if (!decides(membership, CLASS_FILESYSTEMS))
		return 0;
	access.dentry = dentry;
	access.mnt = file->f_path.mnt;
	access.name = BPF_CORE_READ(dentry, d_sb, s_type, name);
	if (is_nameless(dentry))
		return 0;
	return decide(membership, &access);
}

#endif
