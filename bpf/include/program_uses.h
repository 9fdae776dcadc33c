/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that a rule forbids to run cannot be run under another name either, nor by a loader that maps it. */
#ifndef HAUBERK_PROGRAM_USES_H
#define HAUBERK_PROGRAM_USES_H

#include "decide.h"
#include "rename.h"

/* include/uapi/linux/stat.h: S_IXUGO */
#define ANYBODY_EXECUTES 00111

/* Library names end in one of these, or have the first before a version: libc.so.6. */
#define LIBRARY_SUFFIX_BYTES 5
/* Versions are shorter. */
#define NAME_END_BYTES 32

static __always_inline bool name_ends_here(char next)
{
	return next == '\0' || next == '.';
}

/* By address, as functions that are verified once take no typed pointers. */
__noinline int is_library_name(__u64 text, __u32 length)
{
	char end[NAME_END_BYTES + LIBRARY_SUFFIX_BYTES + 1] = {};
	__u32 skipped = length > NAME_END_BYTES ? length - NAME_END_BYTES : 0;

	bpf_probe_read_kernel_str(end, NAME_END_BYTES + 1, (void *)(text + skipped));
	for (int i = 0; i < NAME_END_BYTES; i++) {
		if (end[i] != '.')
			continue;
		if (end[i + 1] == 's' && end[i + 2] == 'o' && name_ends_here(end[i + 3]))
			return true;
		if (end[i + 1] == 'd' && end[i + 2] == 'l' && end[i + 3] == 'l' && !end[i + 4])
			return true;
		if (end[i + 1] == 'n' && end[i + 2] == 'o' && end[i + 3] == 'd' && end[i + 4] == 'e' && !end[i + 5])
			return true;
	}
	return false;
}

/*
 * Rules about programs often name whole directories, even the root of all: data and libraries there may be used as before.
 * Whoever gives a program another mode or name in order to use it could as well copy it.
 */
static __always_inline bool is_program(struct dentry *dentry)
{
	if (!(BPF_CORE_READ(dentry, d_inode, i_mode) & ANYBODY_EXECUTES))
		return false;
	return !is_library_name((__u64)BPF_CORE_READ(dentry, d_name.name), BPF_CORE_READ(dentry, d_name.len));
}

static __always_inline int decide_program_use(struct membership *membership, struct dentry *dentry, struct vfsmount *mnt,
					      __u32 operation)
{
	struct access access = {
		.dentry = dentry,
		.mnt = mnt,
		.operation = operation,
		.wanted = ACCESS_EXECUTE,
		.by_rules = true,
		.by_child = true,
	};

	if (!decides(membership, CLASS_PROCESS) || is_nameless(dentry) || !is_program(dentry))
		return 0;
	return decide(membership, &access);
}

/* Programs of their own, for the verifier has enough of the others at these hooks. */
static __always_inline int decide_new_name(struct dentry *dentry, struct vfsmount *mnt, __u32 operation)
{
	struct membership membership = {};

	if (is_directory(dentry) || !find_membership(&membership) || !membership.confined)
		return 0;
	return decide_program_use(&membership, dentry, mnt, operation);
}

SEC("lsm/path_link")
int BPF_PROG(hauberk_program_link, struct dentry *target, const struct path *directory, struct dentry *dentry)
{
	return decide_new_name(target, directory->mnt, OPERATION_LINK);
}

SEC("lsm/path_rename")
int BPF_PROG(hauberk_program_rename, const struct path *old_directory, struct dentry *old_dentry,
	     const struct path *new_directory, struct dentry *new_dentry)
{
	int denied = decide_new_name(old_dentry, old_directory->mnt, OPERATION_RENAME);

	/* Each of the two gets the other's name. */
	if (denied || !renames_with(ctx, RENAME_EXCHANGE))
		return denied;
	return decide_new_name(new_dentry, new_directory->mnt, OPERATION_RENAME);
}

#endif
