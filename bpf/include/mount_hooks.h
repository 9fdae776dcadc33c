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

static __always_inline int decide_mount(struct membership *membership, struct dentry *target, struct vfsmount *mnt,
					const char *type, __u32 operation)
{
	struct access access = {
		.subject = SUBJECT_MOUNTS,
		.operation = operation,
		.key = KEY_MOUNT,
		.detail = operation == OPERATION_UNMOUNT ? MOUNT_TAKEN_AWAY : MOUNT_MADE,
		.wanted = ACCESS_USE,
		.dentry = target,
		.mnt = mnt,
		.name = type,
	};

	observe_path(membership, operation, target, mnt);
	if (!decides(membership, CLASS_MOUNTS))
		return 0;
	/* mount(8) takes EACCES to mean that the source cannot be written to, and tries once more. */
	return decide(membership, &access) ? -EPERM : 0;
}

static __always_inline const char *type_of(struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_sb, s_type, name);
}

/* Mounts change names. The host's own are left to it: systemd and container runtimes make them all the time. */
static __always_inline bool guards_mounts(struct membership *membership)
{
	return !membership->host && (membership->flags & IMAGE_HAS_GUARDS);
}

static __always_inline int guard_mount(struct membership *membership, struct dentry *before, struct vfsmount *before_mnt,
				       struct dentry *after, struct vfsmount *after_mnt, __u32 operation)
{
	struct names names = {
		.dentries = { before, after },
		.mounts = { before_mnt, after_mnt },
		.operation = operation,
	};

	return guards_mounts(membership) && guard_names(membership, &names) ? -EPERM : 0;
}

/* Below a mount point other files are found: where rules name something there, nothing may be mounted. */
static __always_inline int guard_mount_point(struct membership *membership, struct dentry *target, struct vfsmount *mnt,
					     __u32 operation)
{
	return guard_mount(membership, target, mnt, NULL, NULL, operation);
}

/* What could give any file any name, as far as can be known beforehand. */
static __always_inline int guard_all_names(struct membership *membership)
{
	return guard_mount(membership, NULL, NULL, NULL, NULL, OPERATION_MOUNT);
}

/*
 * From now on files are decided by all of their names; by those guards that come later, too, since the daemon does not
 * find what is mounted in another mount namespace of the container.
 */
static __always_inline int expect_aliases(struct membership *membership)
{
	__u8 yes = 1;

	if (membership->host)
		return 0;
	return bpf_map_update_elem(&aliased, &membership->container, &yes, BPF_ANY) ? -EPERM : 0;
}

#define TYPE_NAME_WORDS 2

union type_name {
	char text[TYPE_NAME_WORDS * sizeof(__u64)];
	__u64 words[TYPE_NAME_WORDS];
};

/* Filesystems that are empty when they are made, and those that contain nothing but what the kernel itself puts there. */
static const union type_name own_content[] = {
	{ "tmpfs" }, { "ramfs" }, { "hugetlbfs" }, { "mqueue" }, { "bpf" }, { "devpts" }, { "devtmpfs" }, { "proc" },
	{ "sysfs" }, { "cgroup" }, { "cgroup2" }, { "debugfs" }, { "tracefs" }, { "securityfs" }, { "configfs" },
	{ "efivarfs" }, { "pstore" }, { "fusectl" }, { "binfmt_misc" }, { "binder" }, { "selinuxfs" }, { "resctrl" },
	{ "rpc_pipefs" }, { "nfsd" },
};

/*
 * Whether a filesystem can show files that have names already: those of its layers, of a device, of another host, or of
 * whatever a type that is not known brings.
 */
static __always_inline bool shows_other_files(struct super_block *sb)
{
	union type_name name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(sb, s_type, name));
	for (__u32 i = 0; i < sizeof(own_content) / sizeof(own_content[0]); i++)
		if (name.words[0] == own_content[i].words[0] && name.words[1] == own_content[i].words[1])
			return false;
	return true;
}

SEC("lsm/sb_mount")
int BPF_PROG(hauberk_sb_mount, const char *source, const struct path *path, const char *type, unsigned long flags,
	     void *data)
{
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_mount(&membership, path->dentry, path->mnt, type, OPERATION_MOUNT);
	/* Neither changes a name: a mount's own flags, and whom it is shared with. */
	if (denied || (flags & MS_REMOUNT) || (!(flags & MS_BIND) && (flags & MS_PROPAGATION)))
		return denied;
	denied = guard_mount_point(&membership, path->dentry, path->mnt, OPERATION_MOUNT);
	if (denied)
		return denied;
	/* What is moved is known only afterwards. */
	if ((flags & MS_MOVE) && !(flags & MS_BIND))
		return guard_all_names(&membership);
	/* A filesystem that is mounted already, such as proc or sysfs, is the same one once more. */
	return expect_aliases(&membership);
}

/* A filesystem that mount(2) has made. */
SEC("lsm/sb_kern_mount")
int BPF_PROG(hauberk_sb_kern_mount, const struct super_block *made)
{
	struct super_block *sb = (void *)made;
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined || !guards_mounts(&membership) || !shows_other_files(sb))
		return 0;
	return guard_all_names(&membership);
}

/* Whether a mount that is in no namespace shows a filesystem that the task's own namespace has no mount of. */
static __always_inline bool is_new_here(struct membership *membership, const struct path *from)
{
	struct scratch *scratch = scratch_take();
	bool known = false;

	if (!scratch)
		return true;
	begin_aliases_in(scratch, from->dentry, from->mnt, membership->task->nsproxy->mnt_ns);
	scratch->path.walk.as_directory = true;
	known = next_alias(scratch);
	scratch_return(scratch);
	return !known;
}

/* move_mount(2): what is moved has a name, or is what open_tree(2) or fsmount(2) made. */
static __always_inline int guard_moved(struct membership *membership, const struct path *from, const struct path *to)
{
	struct mnt_namespace *namespace = BPF_CORE_READ(mount_of(from->mnt), mnt_ns);
	int denied;

	if (namespace && !is_detached(namespace, false))
		return guard_mount(membership, from->dentry, from->mnt, to->dentry, to->mnt, OPERATION_MOUNT);
	denied = guard_mount_point(membership, to->dentry, to->mnt, OPERATION_MOUNT);
	if (!denied && shows_other_files(BPF_CORE_READ(from->mnt, mnt_sb)) && is_new_here(membership, from))
		denied = guard_all_names(membership);
	return denied ? denied : expect_aliases(membership);
}

SEC("lsm/move_mount")
int BPF_PROG(hauberk_move_mount, const struct path *from, const struct path *to)
{
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_mount(&membership, to->dentry, to->mnt, type_of(from->mnt), OPERATION_MOUNT);
	if (denied)
		return denied;
	return guards_mounts(&membership) ? guard_moved(&membership, from, to) : expect_aliases(&membership);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(hauberk_sb_pivotroot, const struct path *old_root, const struct path *new_root)
{
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_mount(&membership, new_root->dentry, new_root->mnt, type_of(new_root->mnt), OPERATION_MOUNT);
	return denied ? denied : guard_all_names(&membership);
}

/* include/linux/fs.h */
#define MNT_DETACH 2

SEC("lsm/sb_umount")
int BPF_PROG(hauberk_sb_umount, struct vfsmount *mnt, int flags)
{
	struct dentry *root = BPF_CORE_READ(mnt, mnt_root);
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_mount(&membership, root, mnt, type_of(mnt), OPERATION_UNMOUNT);
	if (denied || !guards_mounts(&membership))
		return denied;
	/*
	 * The name that rules know stays of a tree that is mounted twice, and of what the kernel shows wherever it is asked, also
	 * where it goes with the mount that it lies below.
	 */
	if (!(flags & MNT_DETACH) && !bpf_map_lookup_elem(&aliased, &membership.container) &&
	    shows_other_files(BPF_CORE_READ(mnt, mnt_sb)))
		return 0;
	return guard_mount_point(&membership, root, mnt, OPERATION_UNMOUNT);
}

#endif
