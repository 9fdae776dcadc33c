/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for hooks that are given a file and not the mount by which it was
 * reached: the mounts of its filesystem in the namespace of whoever acts.
 */
#ifndef HAUBERK_MOUNT_SEARCH_H
#define HAUBERK_MOUNT_SEARCH_H

#include "decide.h"
#include "mounts.h"

/* A file with at most this many names is decided by each of them. */
#define NAMES_MAX 4

struct mount_search {
	struct mount_list list;
	__u64 dentry;		/* the file */
	__u64 ancestor;		/* how far up the walk has come */
	__u64 root;		/* of the mount that is looked at */
	__u64 namespace;	/* address of the one that the task is in */
	__u64 elsewhere;	/* out: a mount in another namespace */
	__u64 mounts[NAMES_MAX];
	__u32 container;	/* number of the mount namespace that the container was registered by */
	__u32 found;		/* out */
	__u32 layer;		/* out: the kernel has a mount of its own, as overlayfs has of its layers */
	__u32 holds;
};

static long ancestor_step(__u32 step, struct mount_search **context)
{
	struct mount_search *search = *context;
	struct dentry *ancestor = (void *)search->ancestor;
	__u64 parent;

	if (search->ancestor == search->root) {
		search->holds = true;
		return 1;
	}
	parent = (__u64)BPF_CORE_READ(ancestor, d_parent);
	if (parent == search->ancestor)
		return 1;
	search->ancestor = parent;
	return 0;
}

/* Whether the file is below the root of the mount. */
static __always_inline bool holds(struct mount_search **context, struct mount *mount)
{
	struct mount_search *search = *context;

	search->root = (__u64)BPF_CORE_READ(mount, mnt.mnt_root);
	search->ancestor = search->dentry;
	search->holds = false;
	bpf_loop(PATH_STEPS_MAX, ancestor_step, context, 0);
	return search->holds;
}

static long mount_step(__u32 step, struct mount_search **context)
{
	struct mount_search *search = *context;
	struct mount *mount = next_mount(&search->list);
	long namespace;

	if (!mount)
		return 1;
	namespace = (long)BPF_CORE_READ(mount, mnt_ns);
	if (namespace < 0 && namespace > -4096)
		search->layer = true;
	if (!namespace || (namespace < 0 && namespace > -4096))
		return 0;
	if (namespace != search->namespace &&
	    BPF_CORE_READ((struct mnt_namespace *)namespace, ns.inum) != search->container) {
		if (!search->elsewhere && holds(context, mount))
			search->elsewhere = (__u64)mount;
		return 0;
	}
	if (!holds(context, mount))
		return 0;
	if (search->found < NAMES_MAX)
		search->mounts[search->found & (NAMES_MAX - 1)] = (__u64)mount;
	search->found++;
	return search->found > NAMES_MAX;
}

/* A function of its own, so that the verifier goes through it once. */
__noinline int search_mounts(struct mount_search *search)
{
	struct dentry *dentry;

	if (!search)
		return 0;
	dentry = (void *)search->dentry;
	begin_mounts(&search->list, BPF_CORE_READ(dentry, d_sb));
	/* Some kernels take nothing but the stack for a callback's context. */
	bpf_loop(MOUNTS_MAX, mount_step, &search, 0);
	return search->found;
}

/* Its filesystem has been unmounted, and somebody held a descriptor. */
static __always_inline int refuse_nameless(struct membership *membership, struct access *access)
{
	struct scratch *scratch = scratch_take();
	int answer;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, access);
	scratch->question.match.offset = PATH_BYTES_MAX;
	answer = refuse_unresolved(scratch, PATH_UNREACHABLE);
	scratch_return(scratch);
	return answer;
}

/*
 * Decides about a file by the strongest of its names in the container; one
 * that has none there by its name elsewhere. `mnt` is where it was made, if
 * that is known.
 */
static __always_inline int decide_by_mounts(struct membership *membership, struct dentry *dentry, struct vfsmount *mnt,
					    __u32 operation, __u32 wanted)
{
	struct access access = { .dentry = dentry, .operation = operation, .wanted = wanted };
	struct mount_search search = {
		.dentry = (__u64)dentry,
		.namespace = (__u64)membership->task->nsproxy->mnt_ns,
		.container = membership->container.mount_namespace,
	};
	int denied = 0;

	search_mounts(&search);
	if (!search.found) {
		/* A file of a layer was decided by its name in the overlay. */
		if (search.layer || membership->host)
			return 0;
		if (!search.elsewhere && !mnt)
			return refuse_nameless(membership, &access);
		search.mounts[0] = search.elsewhere;
		search.found = 1;
	}
	if (search.found > NAMES_MAX)
		return refuse_nameless(membership, &access);
	for (__u32 i = 0; i < NAMES_MAX && !denied; i++) {
		struct mount *mount = (void *)search.mounts[i];

		if (i >= search.found)
			break;
		access.mnt = mount ? (void *)mount + bpf_core_field_offset(struct mount, mnt) : mnt;
		denied = decide(membership, &access);
	}
	return denied;
}

#endif
