/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Confines the tasks that are in a container when it becomes known,
 * whatever file they run: nothing tells a program in a memory file from a
 * runtime that has entered, once it is inside.
 */
#ifndef HAUBERK_TASK_ITERATOR_H
#define HAUBERK_TASK_ITERATOR_H

#include "task.h"

/* What a pass over the tasks reports about each that was not confined yet. */
enum task_report {
	TASK_REPORT_MARKED = 'm',
	/* There was no memory for it; another pass may find some. */
	TASK_REPORT_FAILED = 'f',
};

/*
 * Whether the task is of the container's first process and that is still the
 * runtime, which sets the container up and then runs its program. Every thread
 * is forked, so that only the flag of the first one tells.
 */
static __always_inline bool is_not_started(struct task_struct *task, struct new_container *container)
{
	struct task_struct *leader = task->group_leader;

	return task->tgid == container->first_process && (leader->flags & PF_FORKNOEXEC) &&
	       leader->start_boottime / CLOCK_TICK_NS == container->first_process_start;
}

static __always_inline bool confine_task(struct task_struct *task, struct container_key container)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode), *now;
	struct task_context confined = { .container = container, .flags = TASK_CONFINED };
	struct task_context *context;

	remember_program(&confined, inode);
	context = bpf_task_storage_get(&tasks, task, &confined, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!context) {
		count(COUNTER_TASK_STORAGE_FAILED);
		return false;
	}
	if (!(context->flags & TASK_CONFINED)) {
		context->container = container;
		remember_program(context, inode);
		context->flags = TASK_CONFINED;
	}
	/* It may have run another program meanwhile. */
	now = BPF_CORE_READ(task, mm, exe_file, f_inode);
	if (now != inode)
		remember_program(context, now);
	return true;
}

SEC("iter/task")
int hauberk_mark_tasks(struct bpf_iter__task *iterator)
{
	struct task_struct *task = iterator->task;
	struct pid_namespace *namespace;
	struct new_container *container;
	struct task_context *context;
	struct container_key key;
	char report;

	if (!task || !task->mm || !task->nsproxy)
		return 0;
	key.mount_namespace = task->nsproxy->mnt_ns->ns.inum;
	if (key.mount_namespace == host_mount_namespace)
		return 0;
	namespace = active_pid_namespace(task);
	key.pid_namespace = BPF_CORE_READ(namespace, ns.inum);
	container = bpf_map_lookup_elem(&new_containers, &key);
	if (!container || is_not_started(task, container) || has_ended(&key, namespace))
		return 0;
	/* Also of another container, inside which this one was started. */
	context = bpf_task_storage_get(&tasks, task, 0, 0);
	if (context && (context->flags & TASK_CONFINED))
		return 0;
	report = confine_task(task, key) ? TASK_REPORT_MARKED : TASK_REPORT_FAILED;
	bpf_seq_write(iterator->meta->seq, &report, sizeof(report));
	return 0;
}

#endif
