/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounts that a process of a container makes or takes away. */
#ifndef HAUBERK_MOUNT_HOOKS_H
#define HAUBERK_MOUNT_HOOKS_H

#include "guard.h"
#include "system_calls.h"

/* Twin: MOUNT_OPERATIONS in src/policy/model.ts. */
enum mount_detail {
	MOUNT_MADE = 0,
	MOUNT_TAKEN_AWAY = 1,
};

/* include/uapi/linux/mount.h */
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_MOVE 8192
#define MS_PROPAGATION (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20)

static __always_inline int decide_mount(struct membership *found, struct dentry *target, struct vfsmount *mnt,
					const char *type, __u32 operation)
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

	observe_path(found, operation, target, mnt);
	if (!decides(found, CLASS_MOUNTS))
		return 0;
	/* Of EACCES mount(8) thinks that the source cannot be written to, and tries once more. */
	return decide(found, &access) ? -EPERM : 0;
}

static __always_inline const char *type_of(struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_sb, s_type, name);
}

/* Mounts change names. The host's own are left to it: systemd and container runtimes make them all the time. */
static __always_inline bool guards_mounts(struct membership *found)
{
	return !found->host && (found->flags & IMAGE_HAS_GUARDS);
}

static __always_inline int guard_mount(struct membership *found, struct dentry *before, struct vfsmount *before_mnt,
				       struct dentry *after, struct vfsmount *after_mnt, __u32 operation)
{
	struct names names = {
		.dentries = { before, after },
		.mounts = { before_mnt, after_mnt },
		.operation = operation,
	};

	return guards_mounts(found) && guard_names(found, &names) ? -EPERM : 0;
}

/* Below a mount point other files are found: where rules name something there, nothing may be mounted. */
static __always_inline int guard_mount_point(struct membership *found, struct dentry *target, struct vfsmount *mnt,
					     __u32 operation)
{
	return guard_mount(found, target, mnt, NULL, NULL, operation);
}

/* What could give any file any name, as far as can be known beforehand. */
static __always_inline int guard_all_names(struct membership *found)
{
	return guard_mount(found, NULL, NULL, NULL, NULL, OPERATION_MOUNT);
}

/* From now on files are decided by all of their names. */
static __always_inline int expect_aliases(struct membership *found)
{
	__u8 yes = 1;

	if (!guards_mounts(found))
		return 0;
	return bpf_map_update_elem(&aliased, &found->container, &yes, BPF_ANY) ? -EPERM : 0;
}

/* Whether a filesystem can show files that have names already: those of its layers, or of a device. */
static __always_inline bool shows_other_files(struct super_block *sb)
{
	__u64 name = 0;

	if (BPF_CORE_READ(sb, s_type, fs_flags) & FS_REQUIRES_DEV)
		return true;
	bpf_probe_read_kernel_str(&name, sizeof(name), BPF_CORE_READ(sb, s_type, name));
	return name == *(const __u64 *)"overlay";
}

SEC("lsm/sb_mount")
int BPF_PROG(hauberk_sb_mount, const char *source, const struct path *path, const char *type, unsigned long flags,
	     void *data)
{
	struct membership found = {};
	int denied;

	if (!find_membership(&found) || !found.member)
		return 0;
	denied = decide_mount(&found, path->dentry, path->mnt, type, OPERATION_MOUNT);
	/* Neither changes a name: a mount's own flags, and whom it is shared with. */
	if (denied || (flags & MS_REMOUNT) || (!(flags & MS_BIND) && (flags & MS_PROPAGATION)))
		return denied;
	denied = guard_mount_point(&found, path->dentry, path->mnt, OPERATION_MOUNT);
	if (!denied && (flags & MS_BIND))
		denied = expect_aliases(&found);
	/* What is moved is not known before it is. */
	else if (!denied && (flags & MS_MOVE))
		denied = guard_all_names(&found);
	return denied;
}

/* A filesystem that mount(2) has made. */
SEC("lsm/sb_kern_mount")
int BPF_PROG(hauberk_sb_kern_mount, const struct super_block *made)
{
	struct super_block *sb = (void *)made;
	struct membership found = {};

	if (!find_membership(&found) || !found.member || !guards_mounts(&found) || !shows_other_files(sb))
		return 0;
	return guard_all_names(&found);
}

/* Whether a mount that is in no namespace shows a filesystem that the task's own namespace has no mount of. */
static __always_inline bool is_new_here(struct membership *found, const struct path *from)
{
	struct scratch *scratch = scratch_take();
	bool known = false;

	if (!scratch)
		return true;
	begin_aliases_in(scratch, from->dentry, from->mnt, found->task->nsproxy->mnt_ns);
	scratch->path.walk.as_directory = true;
	known = next_alias(scratch);
	scratch_return(scratch);
	return !known;
}

/* move_mount(2): what is moved has a name, or is what open_tree(2) or fsmount(2) made. */
static __always_inline int guard_moved(struct membership *found, const struct path *from, const struct path *to)
{
	struct mnt_namespace *namespace = BPF_CORE_READ(mount_of(from->mnt), mnt_ns);
	int denied;

	if (namespace && !is_detached(namespace, false))
		return guard_mount(found, from->dentry, from->mnt, to->dentry, to->mnt, OPERATION_MOUNT);
	denied = guard_mount_point(found, to->dentry, to->mnt, OPERATION_MOUNT);
	if (!denied && shows_other_files(BPF_CORE_READ(from->mnt, mnt_sb)) && is_new_here(found, from))
		denied = guard_all_names(found);
	return denied ? denied : expect_aliases(found);
}

SEC("lsm/move_mount")
int BPF_PROG(hauberk_move_mount, const struct path *from, const struct path *to)
{
	struct membership found = {};
	int denied;

	if (!find_membership(&found) || !found.member)
		return 0;
	denied = decide_mount(&found, to->dentry, to->mnt, type_of(from->mnt), OPERATION_MOUNT);
	if (denied || !guards_mounts(&found))
		return denied;
	return guard_moved(&found, from, to);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(hauberk_sb_pivotroot, const struct path *old_root, const struct path *new_root)
{
	struct membership found = {};
	int denied;

	if (!find_membership(&found) || !found.member)
		return 0;
	denied = decide_mount(&found, new_root->dentry, new_root->mnt, type_of(new_root->mnt), OPERATION_MOUNT);
	return denied ? denied : guard_all_names(&found);
}

SEC("lsm/sb_umount")
int BPF_PROG(hauberk_sb_umount, struct vfsmount *mnt, int flags)
{
	struct dentry *root = BPF_CORE_READ(mnt, mnt_root);
	struct membership found = {};
	int denied;

	if (!find_membership(&found) || !found.member)
		return 0;
	denied = decide_mount(&found, root, mnt, type_of(mnt), OPERATION_UNMOUNT);
	/* Of a tree that is mounted twice the name that rules know stays. */
	if (denied || !guards_mounts(&found) || !bpf_map_lookup_elem(&aliased, &found.container))
		return denied;
	return guard_mount_point(&found, root, mnt, OPERATION_UNMOUNT);
}

#endif
