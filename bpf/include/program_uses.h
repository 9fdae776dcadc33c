/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that a rule forbids to run cannot be run under another name either, nor by a loader that maps it. */
#ifndef HAUBERK_PROGRAM_USES_H
#define HAUBERK_PROGRAM_USES_H

#include "decide.h"

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

	if (!decides(membership, CLASS_PROCESS) || is_nameless(dentry))
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
	return decide_new_name(old_dentry, old_directory->mnt, OPERATION_RENAME);
}

#endif
