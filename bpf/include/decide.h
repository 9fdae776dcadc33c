/* SPDX-License-Identifier: GPL-2.0-only */
/* From an access to an answer. Every conflict was settled when the image was made; here it is only read. */
#ifndef HAUBERK_DECIDE_H
#define HAUBERK_DECIDE_H

#include "report.h"
#include "task.h"
#include "word.h"

#define ACCESS_EXECUTE (1 << IMAGE_EXECUTE)
#define ACCESS_READ (1 << IMAGE_READ)
#define ACCESS_WRITE (1 << IMAGE_WRITE)
#define ACCESS_COMMUNICATE (1 << IMAGE_COMMUNICATE)
#define ACCESS_USE (1 << IMAGE_USE)

struct access {
	/* A name in a tree, or a socket, or with neither a capability. */
	struct dentry *dentry;
	struct vfsmount *mnt;
	const struct socket_use *socket;
	__u32 capability;
	__u32 operation;	/* enum event_operation */
	__u32 wanted;		/* ACCESS_ bits */
	bool unreported;
	/* Out: the class of the object, were it run as a program. */
	__u32 program_class;
};

static __always_inline bool owns(struct task_struct *task, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	/* What does not exist yet will belong to whoever makes it. */
	return !inode || BPF_CORE_READ(inode, i_uid.val) == task->cred->fsuid.val;
}

static __always_inline void count_decision(struct access *access, __u32 action)
{
	__u32 counter = COUNTER_FILE_ALLOW;

	if (access->wanted & ACCESS_EXECUTE)
		counter = COUNTER_PROCESS_ALLOW;
	else if (access->wanted & ACCESS_COMMUNICATE)
		counter = COUNTER_NETWORK_ALLOW;
	else if (access->wanted & ACCESS_USE)
		counter = COUNTER_CAPABILITIES_ALLOW;
	count(counter + action);
}

/* The strongest verdict over the operations the access asks for. */
static __noinline __u32 find_verdict(struct membership *found, struct access *access, __u32 row)
{
	bool owner = !access->dentry || owns(found->task, access->dentry);
	__u32 strongest = RULE_NONE;

	for (__u32 operation = 0; operation < VERDICT_ROW_ENTRIES; operation++) {
		__u32 verdict;

		if (!(access->wanted & 1 << operation))
			continue;
		verdict = automaton_verdict(&found->image, row, operation, owner);
		if (strongest == RULE_NONE || verdict >> VERDICT_ACTION_SHIFT > strongest >> VERDICT_ACTION_SHIFT)
			strongest = verdict;
	}
	return strongest;
}

/* Where the path cannot be known the answer is no, whatever the rules say. */
static __noinline int refuse_unresolved(struct membership *found, struct scratch *scratch, struct decision *decision)
{
	/* Reported alike: a memory file, say, has no tree either. */
	if (decision->path_result == PATH_INTERNAL)
		decision->path_result = PATH_UNREACHABLE;
	count(COUNTER_REFUSED + decision->path_result);
	decision->verdict = ACTION_BLOCK << VERDICT_ACTION_SHIFT | RULE_NONE;
	report(found, scratch, decision);
	return -EACCES;
}

/*
 * The kernel opens its own layers below a name that was decided. What is run
 * from no name at all is refused where programs are decided, and is otherwise
 * a program no rule can name.
 */
static __always_inline bool is_nobodys_business(struct membership *found, struct access *access, __u32 result)
{
	if (access->wanted & ACCESS_EXECUTE)
		return (result == PATH_INTERNAL || result == PATH_UNREACHABLE) &&
		       !(found->flags & IMAGE_DECIDES_PROCESS);
	return result == PATH_INTERNAL;
}

static __noinline int decide_with(struct membership *found, struct scratch *scratch, struct access *access)
{
	struct decision decision = { .operation = access->operation, .object_offset = PATH_BYTES_MAX };
	__u32 program_class, row, action;

	decision.path_result = find_program_class(found, &scratch->path, &program_class);
	if (decision.path_result != PATH_OK)
		return refuse_unresolved(found, scratch, &decision);
	if (access->socket)
		decision.object_offset = place_socket(&scratch->path, access->socket);
	else if (!access->dentry)
		decision.object_offset = place_capability(&scratch->path, access->capability);
	else
		decision.path_result = path_build(&scratch->path, access->dentry, access->mnt,
						  &decision.object_offset);
	if (is_nobodys_business(found, access, decision.path_result))
		return 0;
	if (decision.path_result != PATH_OK)
		return refuse_unresolved(found, scratch, &decision);
	row = automaton_match(&found->image, &scratch->path, decision.object_offset, program_class,
			      &access->program_class);
	decision.verdict = find_verdict(found, access, row);
	action = decision.verdict >> VERDICT_ACTION_SHIFT;
	count_decision(access, action);
	if (action != ACTION_ALLOW && access->unreported)
		count(COUNTER_EVENT_SPECULATIVE);
	else if (action != ACTION_ALLOW)
		report(found, scratch, &decision);
	return action >= ACTION_BLOCK ? -EACCES : 0;
}

static __always_inline int decide(struct membership *found, struct access *access)
{
	struct scratch *scratch = scratch_take();
	int answer;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	answer = decide_with(found, scratch, access);
	scratch_return(scratch);
	return answer;
}

#endif
