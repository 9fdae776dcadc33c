/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_PROCESS_HOOKS_H
#define HAUBERK_PROCESS_HOOKS_H

#include "filesystems.h"
#include "loader.h"
#include "presets.h"
#include "system_calls.h"

/* Everything that is asked when a program is run, but its arguments: see argument_hooks.h. */
SEC("lsm/bprm_check_security")
int BPF_PROG(hauberk_bprm_check, struct linux_binprm *bprm)
{
	struct membership membership = {};
	struct access access = { .operation = OPERATION_EXEC, .wanted = ACCESS_EXECUTE, .by_child = true };
	struct task_context *context;
	int answer;

	if (!find_membership(&membership))
		return 0;
	context = membership.context;
	if (!context)
		context = join_container(membership.task, membership.container, 0);
	if (!context)
		return -ENOMEM;
	if (!(context->flags & TASK_CONFINED)) {
		context->container = membership.container;
		/* One bit by itself: the task iterator may confine it meanwhile. */
		if (membership.host)
			context->flags = TASK_HOST | (context->flags & (TASK_HAS_PARENT | TASK_PARENT_ALTERED));
		else
			__sync_fetch_and_and(&context->flags, ~TASK_HOST);
	}
	access.dentry = bprm->file->f_path.dentry;
	access.mnt = bprm->file->f_path.mnt;
	if (membership.confined)
		observe_path(&membership, OPERATION_EXEC, access.dentry, access.mnt);
	/* Before the path: a program in memory has none, and is better refused by the rule that means it. */
	answer = decide_exec_presets(&membership, bprm->file);
	if (!answer && (decides(&membership, CLASS_PROCESS) || (membership.flags & IMAGE_HAS_SOURCES)))
		answer = decide(&membership, &access);
	context->next_image_id = membership.image_id;
	context->next_program_class = access.object_class;
	return answer ? answer : decide_filesystem(&membership, bprm->file, OPERATION_EXEC);
}

/* From here on the exec cannot fail: the task is the new program, and confined. */
SEC("lsm/bprm_committed_creds")
int BPF_PROG(hauberk_bprm_committed, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_context *context = bpf_task_storage_get(&tasks, task, 0, 0);

	if (!context)
		return 0;
	hand_parent_on(task, context);
	context->image_id = context->next_image_id;
	context->program_class = context->next_program_class;
	__sync_fetch_and_and(&context->flags, ~(TASK_LOADS | TASK_ALTERED));
	if (!(context->flags & TASK_HOST))
		context->flags |= TASK_CONFINED;
	remember_program(context, bprm->file->f_inode);
	if (is_allowed_more(context->program_class) ||
	    (context->parent_image_id == context->image_id && is_allowed_more(context->parent_class)))
		check_start(task, context, bprm);
	return 0;
}

/* include/uapi/linux/sched.h */
#define CLONE_THREAD 0x10000

/*
 * What is kept with a task, if anything: for most tasks of a host there is nothing, which is seen without calling a
 * helper.
 */
static __always_inline struct task_context *kept_with(struct task_struct *task)
{
	struct task_struct___storage *holder = (void *)task;

	if (bpf_core_field_exists(holder->bpf_storage) && !holder->bpf_storage)
		return NULL;
	return bpf_task_storage_get(&tasks, task, 0, 0);
}

/* Whether no policy can reach a task that nothing is kept with. */
static __always_inline bool is_outside(struct task_struct *task)
{
	return task->nsproxy && task->nsproxy->mnt_ns->ns.inum == host_mount_namespace && !is_host_under_policy();
}

/* The child is confined if its parent is; without storage for that the fork fails. */
SEC("lsm/task_alloc")
int BPF_PROG(hauberk_task_alloc, struct task_struct *task, unsigned long clone_flags)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct task_context *inherited = kept_with(parent);
	struct task_context *context;

	if (!inherited && is_outside(parent))
		return 0;
	if (!inherited || !(inherited->flags & TASK_CONFINED)) {
		struct membership membership = {};

		/*
		 * The host's own need nothing kept but their parents: their
		 * children are found by their namespaces, as they were.
		 */
		if (!find_membership(&membership) || !membership.confined ||
		    (membership.host && !(membership.flags & IMAGE_HAS_PARENTS)))
			return 0;
		inherited = membership.context;
	}
	context = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!context || !inherited) {
		count(COUNTER_TASK_STORAGE_FAILED);
		return -ENOMEM;
	}
	__builtin_memcpy(context, inherited, sizeof(*context));
	if (is_altered(parent, context))
		context->flags |= TASK_ALTERED;
	if (!(clone_flags & CLONE_THREAD))
		take_as_parent(context);
	return 0;
}

#endif
