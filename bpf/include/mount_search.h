/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for hooks that are given a file and not the mount by which it was
 * reached: the mounts of its filesystem in the namespace of whoever acts.
 */
#ifndef HAUBERK_MOUNT_SEARCH_H
#define HAUBERK_MOUNT_SEARCH_H

#include "decide.h"
#include "mounts.h"

struct mount_walk {
	struct mount_list list;
	struct mount_search *search;
	__u64 ancestor;		/* how far up the walk has come */
	__u64 root;		/* of the mount that is looked at */
	__u32 holds;
};

static long ancestor_step(__u32 step, struct mount_walk *walk)
{
	struct dentry *ancestor = (void *)walk->ancestor;
	__u64 parent;

	if (walk->ancestor == walk->root) {
		walk->holds = true;
		return 1;
	}
	parent = (__u64)BPF_CORE_READ(ancestor, d_parent);
	if (parent == walk->ancestor)
		return 1;
	walk->ancestor = parent;
	return 0;
}

/* Whether the file is below the root of the mount. */
static __always_inline bool holds(struct mount_walk *walk, struct mount *mount)
{
	walk->root = (__u64)BPF_CORE_READ(mount, mnt.mnt_root);
	walk->ancestor = walk->search->dentry;
	walk->holds = false;
	bpf_loop(PATH_STEPS_MAX, ancestor_step, walk, 0);
	return walk->holds;
}

static __always_inline bool is_looked_at(struct mount_search *search, __u64 namespace)
{
	if (search->whose == MOUNTS_OF_OTHERS)
		return true;
	if (search->whose == MOUNTS_OF_TASK)
		return namespace == search->namespace;
	return namespace != search->namespace &&
	       BPF_CORE_READ((struct mnt_namespace *)namespace, ns.inum) == search->container;
}

static long mount_step(__u32 step, struct mount_walk *walk)
{
	struct mount_search *search = walk->search;
	struct mount *mount = next_mount(&walk->list);
	long namespace;

	if (!mount)
		return 1;
	namespace = (long)BPF_CORE_READ(mount, mnt_ns);
	if (namespace < 0 && namespace > -4096)
		search->layer = true;
	if (!namespace || (namespace < 0 && namespace > -4096))
		return 0;
	if (!is_looked_at(search, namespace) || !holds(walk, mount))
		return 0;
	if (search->found < NAMES_MAX)
		search->mounts[search->found & (NAMES_MAX - 1)] = (__u64)mount;
	search->found++;
	return search->whose == MOUNTS_OF_OTHERS || search->found > NAMES_MAX;
}

/* A function of its own, so that the verifier goes through it once. */
__noinline int search_mounts(struct scratch *scratch)
{
	struct mount_walk walk = {};
	struct mount_search *search;
	struct dentry *dentry;

	if (!scratch)
		return 0;
	search = walk.search = &scratch->search;
	search->found = 0;
	dentry = (void *)search->dentry;
	begin_mounts(&walk.list, BPF_CORE_READ(dentry, d_sb));
	/* Some kernels take nothing but the stack for a callback's context. */
	bpf_loop(MOUNTS_MAX, mount_step, &walk, 0);
	return 0;
}

/* Decides by one of the names. The verifier goes through it once, not once for each name. */
__noinline int decide_name(struct scratch *scratch)
{
	struct mount_search *search;
	struct question *question;
	struct dentry *dentry;
	__u64 mount;

	if (!scratch)
		return 0;
	search = &scratch->search;
	question = &scratch->question;
	mount = search->mounts[search->name & (NAMES_MAX - 1)];
	dentry = (void *)search->dentry;
	scratch->object.mount = mount;
	/* Not that of the name before. */
	scratch->record.path_result = PATH_OK;
	scratch->node.decided = RULE_NONE;
	if (query_image(scratch) == IMAGE_ANSWERED && question->place == PATH_OK) {
		if (finish_decision(scratch))
			return -EACCES;
		scratch->node.decided = question->verdict;
	} else if (question->place != PATH_OK && question->place != PATH_INTERNAL && refuse_unresolved(scratch, question->place)) {
		return -EACCES;
	}
	if (begin_number_of(scratch, dentry) && decide_number(scratch))
		return -EACCES;
	return has_aliases(scratch) ?
		       decide_aliases(scratch, dentry, (void *)mount + bpf_core_field_offset(struct mount, mnt)) :
		       0;
}

/* Its filesystem has been unmounted, and somebody held a descriptor; or it has more names than are looked at. */
static __always_inline int refuse_nameless(struct scratch *scratch)
{
	scratch->question.match.offset = PATH_BYTES_MAX;
	return refuse_unresolved(scratch, PATH_UNREACHABLE);
}

static __always_inline int decide_names(struct membership *membership, struct scratch *scratch)
{
	struct mount_search *search = &scratch->search;
	bool named = false;

	for (int whose = MOUNTS_OF_TASK; whose <= MOUNTS_OF_OTHERS; whose++) {
		/* A file of a layer was decided by its name in the overlay. */
		if (whose == MOUNTS_OF_OTHERS && (named || search->layer || membership->host))
			return 0;
		search->whose = whose;
		search_mounts(scratch);
		if (whose == MOUNTS_OF_OTHERS && !search->found && search->made) {
			search->mounts[0] = search->made;
			search->found = 1;
		}
		if (search->found > NAMES_MAX || (whose == MOUNTS_OF_OTHERS && !search->found))
			return refuse_nameless(scratch);
		named |= search->found > 0;
		for (int i = 0; i < NAMES_MAX && i < search->found; i++) {
			search->name = i;
			if (decide_name(scratch))
				return -EACCES;
		}
	}
	return 0;
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
	struct scratch *scratch = scratch_take();
	int answer;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, &access);
	store_object(scratch, &access);
	scratch->search.dentry = (__u64)dentry;
	scratch->search.namespace = (__u64)membership->task->nsproxy->mnt_ns;
	scratch->search.made = mnt ? (__u64)mount_of(mnt) : 0;
	scratch->search.container = membership->container.mount_namespace;
	scratch->search.layer = false;
	answer = decide_names(membership, scratch);
	scratch_return(scratch);
	return answer;
}

#endif
