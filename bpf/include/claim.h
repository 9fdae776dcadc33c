/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes the daemon the owner of what is Hauberk's. */
#ifndef HAUBERK_CLAIM_H
#define HAUBERK_CLAIM_H

#include "descriptors.h"
#include "owner.h"

#define ENOENT 2
#define EBADF 9

static __always_inline int claim_ownership(struct owner *owner, struct task_struct *task)
{
	if (owner_lives(owner) && !is_of_owner(owner, task))
		return -EPERM;
	owner->leader = 0;
	owner->process = task->tgid;
	owner->start_boottime = BPF_CORE_READ(task, group_leader, start_boottime);
	owner->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
	owner->container.mount_namespace = owner->mount_namespace;
	owner->container.pid_namespace = BPF_CORE_READ(active_pid_namespace(task), ns.inum);
	/* The host's own processes are no container. */
	if (owner->mount_namespace == host_mount_namespace)
		owner->container.pid_namespace = 0;
	owner->leader = (__u64)task->group_leader;
	return 0;
}

#define GROUP_DEPTH_MAX 16

/* A control group and those that contain it, except the root. */
static __always_inline int claim_groups(struct owner *owner, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct own_key key = { .kind = OWN_GROUP, .device = BPF_CORE_READ(dentry, d_sb, s_dev) };
	__u32 writer = owner->process;

	for (int i = 0; i < GROUP_DEPTH_MAX; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		int result;

		if (!parent || parent == dentry)
			return 0;
		key.id = BPF_CORE_READ(dentry, d_inode, i_ino);
		result = bpf_map_update_elem(&own_objects, &key, &writer, BPF_ANY);
		if (result)
			return result;
		dentry = parent;
	}
	return 0;
}

static __always_inline int claim_file(struct owner *owner, struct task_struct *task, struct claim *claim)
{
	struct file *file = file_of(task, claim->descriptor);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct own_key key = { .kind = claim->kind };
	__u32 writer = owner->process;

	if (!file || !inode)
		return -EBADF;
	key.id = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	if (claim->place < OWN_PLACES_MAX)
		owner->devices[claim->place] = key.device;
	if (claim->kind == OWN_GROUP)
		return claim_groups(owner, file);
	return bpf_map_update_elem(&own_objects, &key, &writer, BPF_ANY);
}

/* Run by the daemon when it has started: makes it the owner, and then its files the owner's. */
SEC("syscall")
int hauberk_claim(struct claim *claim)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct owner *owner = find_owner();

	if (!owner)
		return -ENOENT;
	if (claim->kind == OWN_MAP)
		return claim_ownership(owner, task);
	return is_of_owner(owner, task) ? claim_file(owner, task, claim) : -EPERM;
}

#endif
