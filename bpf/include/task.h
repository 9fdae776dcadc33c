/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which container a task belongs to, and which program it runs.
 *
 * The container is found by the task's two namespaces once and then kept with
 * the task, so that unshare(2) and setns(2) do not shed a policy.
 */
#ifndef HAUBERK_TASK_H
#define HAUBERK_TASK_H

#include "maps.h"
#include "path.h"

const volatile __u32 host_mount_namespace = 0;

struct membership {
	struct task_struct *task;
	struct task_context *context;	/* NULL where no storage could be had */
	struct open_image image;
	struct container_key container;
	__u32 generation;
	__u32 flags;			/* enum image_flag */
	bool member;
};

static __always_inline struct upid *active_upid(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

static __always_inline __u32 active_pid_namespace(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *upid = active_upid(pid, BPF_CORE_READ(pid, level));
	struct pid_namespace *namespace = BPF_CORE_READ(upid, ns);

	return BPF_CORE_READ(namespace, ns.inum);
}

/* A runtime that has entered the container but not yet run anything in it still runs a program from outside. */
static __always_inline bool runs_program_from_outside(struct task_struct *task)
{
	struct vfsmount *mnt = BPF_CORE_READ(task, mm, exe_file, f_path.mnt);

	return !mnt || BPF_CORE_READ(mount_of(mnt), mnt_ns) != task->nsproxy->mnt_ns;
}

static __always_inline void remember_program(struct task_context *context, struct inode *inode)
{
	context->inode = BPF_CORE_READ(inode, i_ino);
	context->device = BPF_CORE_READ(inode, i_sb, s_dev);
}

static __always_inline struct task_context *join_container(struct task_struct *task, struct container_key container,
							   __u32 flags)
{
	struct task_context *context = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!context) {
		count(COUNTER_TASK_STORAGE_FAILED);
		return NULL;
	}
	context->container = container;
	context->flags = flags;
	return context;
}

/* Fills in the membership of the current task; false when no container under policy is concerned. */
static __always_inline bool find_membership(struct membership *found)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_context *context = bpf_task_storage_get(&tasks, task, 0, 0);
	void *pages;

	found->task = task;
	found->context = context;
	found->member = context && (context->flags & TASK_MEMBER);
	if (found->member) {
		found->container = context->container;
	} else {
		if (!task->nsproxy)
			return false;
		found->container.mount_namespace = task->nsproxy->mnt_ns->ns.inum;
		if (found->container.mount_namespace == host_mount_namespace)
			return false;
		found->container.pid_namespace = active_pid_namespace(task);
	}
	pages = bpf_map_lookup_elem(&containers, &found->container);
	if (!pages || !image_open(&found->image, pages))
		return false;
	if (!found->member && !runs_program_from_outside(task)) {
		found->member = true;
		found->context = join_container(task, found->container, TASK_MEMBER);
		if (found->context)
			remember_program(found->context, BPF_CORE_READ(task, mm, exe_file, f_inode));
	}
	found->generation = found->image.first->entries[IMAGE_IDENTITY].first;
	found->flags = found->image.first->entries[IMAGE_DECISIONS].first;
	return true;
}

/*
 * The class of the program the task runs. It is found when the program is run;
 * a newer image makes it stale, and then the program's path is read again.
 */
static __noinline __u32 find_program_class(struct membership *found, struct path_buffer *path, __u32 *program_class)
{
	struct task_context *context = found->context;
	struct task_struct *task = found->task;
	struct file *file;
	struct inode *inode;
	__u32 offset, result;

	*program_class = PROGRAM_CLASS_UNNAMED;
	if (!(found->flags & IMAGE_HAS_SOURCES) || !found->member)
		return PATH_OK;
	if (context && context->generation == found->generation) {
		*program_class = context->program_class;
		return PATH_OK;
	}
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return PATH_OK;
	inode = BPF_CORE_READ(file, f_inode);
	if (context && (context->inode != BPF_CORE_READ(inode, i_ino) ||
			context->device != BPF_CORE_READ(inode, i_sb, s_dev)))
		return PATH_UNAVAILABLE;
	result = path_build(path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), &offset);
	/* A program without a path, a memory file say, is none that a rule can name. */
	if (result == PATH_OK)
		automaton_match(&found->image, path, offset, PROGRAM_CLASS_UNNAMED, program_class);
	else if (result != PATH_UNREACHABLE && result != PATH_INTERNAL)
		return result;
	if (context) {
		context->program_class = *program_class;
		context->generation = found->generation;
	}
	return PATH_OK;
}

#endif
