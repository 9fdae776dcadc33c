/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounts that would hide what is Hauberk's, or take it away. */
#ifndef HAUBERK_SELF_MOUNT_HOOKS_H
#define HAUBERK_SELF_MOUNT_HOOKS_H

#include "self_protection.h"
#include "mount_hooks.h"

/* Whether what happens to a mount is seen by the host or the daemon: it is in their namespace, or tells others of it. */
static __always_inline bool is_seen_by_owner(struct owner *owner, struct vfsmount *mnt)
{
	struct mount *mount = mount_of(mnt);
	struct mount___shared *shared = (void *)mount;
	__u32 namespace = BPF_CORE_READ(mount, mnt_ns, ns.inum);

	return namespace == host_mount_namespace || namespace == owner->mount_namespace ||
	       BPF_CORE_READ(shared, mnt_group_id);
}

/*
 * Whether a mount over this directory would hide what is Hauberk's, or taking away the one that begins there take it
 * away. The host's service manager and runtimes do so all the time for other processes, in these processes' own
 * namespaces.
 */
static __always_inline int protect_mount(struct dentry *dentry, struct vfsmount *mnt, __u32 operation, bool host_may)
{
	struct own_object object = {
		.dentry = dentry, .mnt = mnt, .rule_class = CLASS_MOUNTS, .operation = operation,
	};
	struct owner *owner = find_owner();
	struct membership membership = {};
	bool itself, seen;

	if (!owner)
		return 0;
	itself = is_near_own(owner, BPF_CORE_READ(dentry, d_sb)) && is_own_file(address_of(dentry));
	if (!itself && !is_own_dentry(OWN_WAY, dentry))
		return 0;
	if (!is_outsider(owner, &membership) || (membership.host && host_may))
		return 0;
	seen = is_seen_by_owner(owner, mnt);
	/* A runtime takes the host's tree away from a container as it makes it. */
	if (!seen && (membership.host || !itself))
		return 0;
	return refuse_outsider(&membership, &object);
}

SEC("lsm/sb_mount")
int BPF_PROG(hauberk_self_mount_point, const char *source, const struct path *path, const char *type,
	     unsigned long flags)
{
	bool remount = flags & MS_REMOUNT;

	/* Whom a mount is shared with, and its own flags, hide nothing. */
	if (remount ? (flags & MS_BIND) : !(flags & MS_BIND) && (flags & MS_PROPAGATION))
		return 0;
	/* A filesystem that is read-only cannot be pinned to; but the host changes its own so. */
	return protect_mount(path->dentry, path->mnt, remount ? OPERATION_UNMOUNT : OPERATION_MOUNT, remount);
}

SEC("lsm/move_mount")
int BPF_PROG(hauberk_self_moved, const struct path *from, const struct path *to)
{
	int denied = protect_mount(to->dentry, to->mnt, OPERATION_MOUNT, false);

	return denied ? denied : protect_mount(from->dentry, from->mnt, OPERATION_UNMOUNT, false);
}

SEC("lsm/sb_umount")
int BPF_PROG(hauberk_self_mounted, struct vfsmount *mnt)
{
	return protect_mount(BPF_CORE_READ(mnt, mnt_root), mnt, OPERATION_UNMOUNT, false);
}

#endif
