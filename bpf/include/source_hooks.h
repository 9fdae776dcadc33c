/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that rules name as their source may not be traced, or written into, by a program of another class. */
#ifndef HAUBERK_SOURCE_HOOKS_H
#define HAUBERK_SOURCE_HOOKS_H

#include "owner.h"
#include "source.h"
#include "trace_hooks.h"

static __always_inline bool is_same_container(struct container_key *first, struct container_key *second)
{
	return first->pid_namespace == second->pid_namespace && first->mount_namespace == second->mount_namespace;
}

enum relation {
	/* The host, or a runtime that sets the container up. */
	RELATION_NONE = 0,
	RELATION_SAME_CONTAINER = 1,
	RELATION_UNRELATED = 2,
};

static __always_inline enum relation relation_of(struct membership *tracer, struct task_struct *task,
						 struct membership *traced)
{
	if (!look_up_membership(tracer, task))
		return is_of_unknown_container(task) ? RELATION_UNRELATED : RELATION_NONE;
	if (!tracer->confined && !tracer->host)
		return RELATION_NONE;
	if (is_same_container(&tracer->container, &traced->container))
		return RELATION_SAME_CONTAINER;
	return tracer->host ? RELATION_NONE : RELATION_UNRELATED;
}

/* Finds the class of the program that a task runs; its path is in the buffer only where it had to be read. */
static __always_inline __u32 find_class(struct scratch *scratch, struct membership *membership)
{
	struct task_struct *task = membership->task;
	struct party *party = &scratch->party;

	__builtin_memset(&party->cached, 0, sizeof(party->cached));
	party->altered = false;
	if (membership->context) {
		party->cached = *membership->context;
		party->altered = is_altered(task, membership->context);
	}
	party->file = address_of(BPF_CORE_READ(task, mm, exe_file));
	return classify_party(scratch);
}

/*
 * Compares the classes of both programs. Returns enum path_result; where the
 * tracer is refused or reported, the verdict and the path of the traced program
 * are left in the scratch buffer.
 */
static __always_inline __u32 compare_programs(struct scratch *scratch, struct membership *tracer,
					      struct membership *traced, enum relation relation)
{
	__u32 image_id = scratch->question.image_id, traced_class, result;
	struct task_struct *task = traced->task;

	scratch->question.verdict = RULE_NONE;
	result = find_class(scratch, traced);
	/* A program for which no Allow rule holds gives nothing to gain. */
	if (result != PATH_OK || scratch->party.altered)
		return result;
	traced_class = scratch->party.program_class;
	if (!traced_class)
		return PATH_OK;
	if (relation == RELATION_SAME_CONTAINER) {
		result = find_class(scratch, tracer);
		if (result == PATH_OK && scratch->party.program_class == traced_class)
			return PATH_OK;
		if (result != PATH_OK && result != PATH_UNAVAILABLE)
			return result;
	}
	scratch->party.file = address_of(BPF_CORE_READ(task, mm, exe_file));
	result = place_program(scratch);
	if (result != PATH_OK)
		return result;
	if (image_source(scratch) != IMAGE_ANSWERED || scratch->question.image_id != image_id)
		return PATH_UNAVAILABLE;
	scratch->question.verdict = scratch->source.becoming;
	return PATH_OK;
}

static __always_inline int finish_tracing(struct scratch *scratch, __u32 result)
{
	__u32 action = scratch->question.verdict >> VERDICT_ACTION_SHIFT;

	if (result != PATH_OK)
		return refuse_unresolved(scratch, result) ? -EPERM : 0;
	if (action == ACTION_ALLOW)
		return 0;
	count(COUNTER_DECISIONS + 3 * CLASS_PTRACE + action);
	scratch->record.flags |= EVENT_OF_SOURCE;
	if (scratch->question.unreported)
		count(COUNTER_EVENT_SPECULATIVE);
	else
		report(scratch);
	return action >= ACTION_BLOCK ? -EPERM : 0;
}

static __always_inline int decide_tracing(struct task_struct *tracer, struct task_struct *traced, bool unreported)
{
	struct access access = {
		.subject = SUBJECT_PTRACE,
		.operation = OPERATION_TRACE,
		.wanted = ACCESS_USE,
		.unreported = unreported,
	};
	struct membership source = {}, other = {};
	struct scratch *scratch;
	enum relation relation;
	int answer;

	if (!look_up_membership(&source, traced) || !(source.flags & IMAGE_HAS_SOURCES) ||
	    !(source.confined || source.host))
		return 0;
	relation = relation_of(&other, tracer, &source);
	if (relation == RELATION_NONE)
		return 0;
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EPERM;
	}
	question_begin(&source, scratch, &access);
	scratch->question.match.subject = SUBJECT_PTRACE;
	answer = finish_tracing(scratch, compare_programs(scratch, &other, &source, relation));
	scratch_return(scratch);
	return answer;
}

/* Whoever may attach may write: /proc/PID/mem, process_vm_writev(2) and pidfd_getfd(2) ask for the same. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(hauberk_source_trace, struct task_struct *traced, unsigned int mode)
{
	if (!(mode & PTRACE_MODE_ATTACH))
		return 0;
	return decide_tracing(bpf_get_current_task_btf(), traced, mode & PTRACE_MODE_NOAUDIT);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(hauberk_source_traceme, struct task_struct *parent)
{
	return decide_tracing(parent, bpf_get_current_task_btf(), false);
}

#endif
