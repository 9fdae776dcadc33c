/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounts that a process of a container makes or takes away. */
#ifndef HAUBERK_MOUNT_HOOKS_H
#define HAUBERK_MOUNT_HOOKS_H

#include "system_calls.h"

/* Twin: MOUNT_OPERATIONS in src/policy/mount.ts. */
enum mount_detail {
	MOUNT_MADE = 0,
	MOUNT_TAKEN_AWAY = 1,
};

static __always_inline int decide_mount(struct dentry *target, struct vfsmount *mnt, const char *type, __u32 operation)
{
	struct access access = {
		.subject = SUBJECT_MOUNTS,
		.operation = operation,
		.letter = LETTER_MOUNT,
		.detail = operation == OPERATION_UNMOUNT ? MOUNT_TAKEN_AWAY : MOUNT_MADE,
		.wanted = ACCESS_WORD,
		.dentry = target,
		.mnt = mnt,
		.name = type,
	};
	struct membership found = {};

	if (!find_membership(&found) || !found.member)
		return 0;
	observe_path(&found, operation, target, mnt);
	if (!decides(&found, CLASS_MOUNTS))
		return 0;
	/* Of EACCES mount(8) thinks that the source cannot be written to, and tries once more. */
	return decide(&found, &access) ? -EPERM : 0;
}

static __always_inline const char *type_of(struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_sb, s_type, name);
}

SEC("lsm/sb_mount")
int BPF_PROG(hauberk_sb_mount, const char *source, const struct path *path, const char *type, unsigned long flags,
	     void *data)
{
	return decide_mount(path->dentry, path->mnt, type, OPERATION_MOUNT);
}

SEC("lsm/move_mount")
int BPF_PROG(hauberk_move_mount, const struct path *from, const struct path *to)
{
	return decide_mount(to->dentry, to->mnt, type_of(from->mnt), OPERATION_MOUNT);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(hauberk_sb_pivotroot, const struct path *old_root, const struct path *new_root)
{
	return decide_mount(new_root->dentry, new_root->mnt, type_of(new_root->mnt), OPERATION_MOUNT);
}

SEC("lsm/sb_umount")
int BPF_PROG(hauberk_sb_umount, struct vfsmount *mnt, int flags)
{
	return decide_mount(BPF_CORE_READ(mnt, mnt_root), mnt, type_of(mnt), OPERATION_UNMOUNT);
}

#endif
