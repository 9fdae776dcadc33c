/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What belongs to Hauberk itself, and who may reach it: the daemon, and the host
 * while it is under no policy. A process of a container may not, whatever its
 * privileges; nor may the host's under a policy, while a daemon lives.
 */
#ifndef HAUBERK_OWNER_H
#define HAUBERK_OWNER_H

#include "task.h"

#define OWN_PLACES_MAX 8
#define OWN_OBJECTS_MAX 4096
/* Deepest place of a file below one of Hauberk's directories. */
#define OWN_DEPTH_MAX 8

/* Written by hauberk_claim; src/kernel/self-protection.ts reads the first two. */
struct owner {
	__u32 process;			/* as the host numbers it; 0 before the first daemon */
	__u32 unused;
	__u64 start_boottime;
	__u64 leader;			/* address of its first thread */
	struct container_key container;
	__u32 mount_namespace;
	/* Of the filesystems that its places lie on: nothing else is looked at further. */
	__u32 devices[OWN_PLACES_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct owner);
} owner SEC(".maps");

/* Twin: OWN_KINDS in src/kernel/self-protection.ts. */
enum own_kind {
	OWN_MAP = 0,
	OWN_PROGRAM = 1,
	OWN_LINK = 2,
	/* A directory, with all that is below it. */
	OWN_DIRECTORY = 3,
	/* A directory on the way to one. */
	OWN_WAY = 4,
	/* A control group that the daemon is in: what is written to its files can end or stop it. */
	OWN_GROUP = 5,
};

struct own_key {
	__u64 id;	/* of a map, program or link; of a file its inode's number */
	__u32 device;	/* of a file */
	__u32 kind;
};

/* The value says who has written it, so that what others wrote can be distinguished from it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OWN_OBJECTS_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct own_key);
	__type(value, __u32);
} own_objects SEC(".maps");

/* What is asked of hauberk_claim. Twin: CLAIM in src/kernel/self-protection.ts. */
struct claim {
	__u32 kind;		/* enum own_kind; OWN_MAP for the ownership itself */
	__s32 descriptor;	/* of the file that is to be the owner's */
	__u32 place;		/* where its filesystem is kept; OWN_PLACES_MAX for nowhere */
	__u32 unused;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___state {
	int exit_state;
};

struct bpf_map {
	__u32 id;
	char name[16];
};

struct bpf_prog_aux {
	__u32 id;
	char name[16];
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

union dentry_place {
	struct hlist_node d_alias;
};

struct dentry___placed {
	union dentry_place d_u;
};

/* Seen in 7.3: the union has no name. */
struct dentry___unnamed {
	struct hlist_node d_alias;
};

struct inode___named {
	struct hlist_head i_dentry;
};

struct mount___shared {
	int mnt_group_id;
};

#pragma clang attribute pop

static __always_inline struct owner *find_owner(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&owner, &zero);
}

/* The memory of a task that has ended may be another's by now, which has another start. */
static __always_inline bool owner_lives(struct owner *owner)
{
	struct task_struct *leader = (void *)owner->leader;
	struct task_struct___state *state = (void *)leader;

	return leader && BPF_CORE_READ(leader, tgid) == owner->process &&
	       BPF_CORE_READ(leader, start_boottime) == owner->start_boottime && !BPF_CORE_READ(state, exit_state);
}

static __always_inline bool is_of_owner(struct owner *owner, struct task_struct *task)
{
	return owner->process && task->tgid == owner->process && (__u64)task->group_leader == owner->leader &&
	       BPF_CORE_READ(task, group_leader, start_boottime) == owner->start_boottime;
}

static __always_inline bool is_in_owners_container(struct owner *owner, struct membership *membership)
{
	return owner->container.pid_namespace == membership->container.pid_namespace &&
	       owner->container.mount_namespace == membership->container.mount_namespace;
}

/* A container that nobody has reported is known by its process ids, unless it shares the host's. */
static __always_inline bool is_of_unknown_container(struct task_struct *task)
{
	__u32 namespace = BPF_CORE_READ(active_pid_namespace(task), ns.inum);

	return namespace && namespace != host_pid_namespace;
}

/*
 * Whether the current task may not reach what is Hauberk's. While no daemon
 * lives the host may, so that the next one can take over, and so may the
 * container that the last one lived in: a new one of it can have its numbers.
 */
static __always_inline bool is_outsider(struct owner *owner, struct membership *membership)
{
	if (is_of_owner(owner, bpf_get_current_task_btf()))
		return false;
	find_membership(membership);
	if (!membership->confined)
		return is_of_unknown_container(membership->task);
	if (membership->host || is_in_owners_container(owner, membership))
		return owner_lives(owner);
	return true;
}

static __always_inline bool is_own(__u32 kind, __u64 id, __u32 device)
{
	struct own_key key = { .id = id, .device = device, .kind = kind };

	return bpf_map_lookup_elem(&own_objects, &key);
}

static __always_inline bool is_own_dentry(__u32 kind, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	return inode && is_own(kind, BPF_CORE_READ(inode, i_ino), BPF_CORE_READ(inode, i_sb, s_dev));
}

/* Whether a file is on a filesystem that has some of Hauberk's. */
static __always_inline bool is_near_own(struct owner *owner, struct super_block *sb)
{
	__u32 device = BPF_CORE_READ(sb, s_dev);

	for (int i = 0; i < OWN_PLACES_MAX; i++)
		if (owner->devices[i] && owner->devices[i] == device)
			return true;
	return false;
}

/*
 * Whether the dentry at this address is below one of Hauberk's directories, or is one.
 * A file that was opened by its handle alone has no directory: near Hauberk's files it
 * may be one of them.
 */
__noinline int is_own_file(__u64 address)
{
	struct dentry *dentry = (void *)address;

	/* overlayfs numbers directories by itself: a file may have the number of one. */
	if (!is_directory(dentry)) {
		dentry = BPF_CORE_READ(dentry, d_parent);
		if ((__u64)dentry == address)
			return true;
	}
	for (int i = 0; i < OWN_DEPTH_MAX; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (is_own_dentry(OWN_DIRECTORY, dentry))
			return true;
		if (!parent || parent == dentry)
			return false;
		dentry = parent;
	}
	return false;
}

/* The name that a file has on its own filesystem: what overlayfs opens for somebody is known by another. */
static __always_inline __u64 dentry_of(struct inode *inode)
{
	struct inode___named *named = (void *)inode;
	__u64 alias = (__u64)BPF_CORE_READ(named, i_dentry.first);

	if (!alias)
		return 0;
	if (bpf_core_field_exists(struct dentry___placed, d_u.d_alias))
		return alias - bpf_core_field_offset(struct dentry___placed, d_u.d_alias);
	return alias - bpf_core_field_offset(struct dentry___unnamed, d_alias);
}

#endif
