/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parent of a task, for rules about programs: the program that ran in the task that forked it, whatever becomes of
 * that one. For a process that comes from outside the container it is the first program inside.
 */
#ifndef HAUBERK_PARENT_H
#define HAUBERK_PARENT_H

#include "task.h"

/* A task and its ancestors, this many together, are checked for whether they still run the parent's program. */
#define FOREBEARS_MAX 4

/* Only Allow rules make the two classes of a program differ. */
static __always_inline bool is_allowed_more(__u32 classes)
{
	return class_of_program(classes, false) != class_of_program(classes, true);
}

/* Makes the program that is kept with the task its parent. */
static __always_inline void take_as_parent(struct task_context *context)
{
	__u32 flags = context->flags & ~TASK_PARENT_ALTERED;

	context->parent_inode = context->inode;
	context->parent_device = context->device;
	context->parent_image_id = context->image_id;
	context->parent_class = context->program_class;
	context->flags = flags | TASK_HAS_PARENT | (flags & TASK_ALTERED ? TASK_PARENT_ALTERED : 0);
}

/*
 * As a task runs another program: whoever comes from outside has no parent; the
 * first program inside becomes it, and where no rule names the parent the first
 * one after it that a rule does.
 */
static __always_inline void hand_parent_on(struct task_struct *task, struct task_context *context)
{
	bool is_unnamed = context->parent_image_id == context->image_id &&
			  !class_of_program(context->parent_class, false) &&
			  class_of_program(context->program_class, false);

	if (!(context->flags & (TASK_CONFINED | TASK_HOST))) {
		context->parent_inode = 0;
		context->flags |= TASK_HAS_PARENT;
	} else if ((context->flags & TASK_HAS_PARENT) && (!context->parent_inode || is_unnamed)) {
		if (is_altered(task, context))
			context->flags |= TASK_ALTERED;
		take_as_parent(context);
	}
}

/* For a task whose fork was not seen: whoever is its parent now, unless that one runs a program from outside. */
static __always_inline void adopt_parent(struct task_struct *task, struct task_context *context, bool host)
{
	struct file *file = BPF_CORE_READ(task, real_parent, mm, exe_file);
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	context->parent_inode = 0;
	context->parent_image_id = 0;
	if (mnt && (host || BPF_CORE_READ(mount_of(mnt), mnt_ns) == task->nsproxy->mnt_ns)) {
		context->parent_inode = BPF_CORE_READ(inode, i_ino);
		context->parent_device = BPF_CORE_READ(inode, i_sb, s_dev);
	}
	__sync_fetch_and_or(&context->flags, TASK_HAS_PARENT);
}

/*
 * The file of the parent's program, where a task still runs it that may have been the parent, or inherited it from
 * there.
 */
static __always_inline struct file *find_parent_file(struct task_struct *task, struct task_context *context)
{
	for (int i = 0; i < FOREBEARS_MAX; i++) {
		struct file *file = BPF_CORE_READ(task, mm, exe_file);
		struct inode *inode = BPF_CORE_READ(file, f_inode);

		if (inode && BPF_CORE_READ(inode, i_ino) == context->parent_inode &&
		    BPF_CORE_READ(inode, i_sb, s_dev) == context->parent_device)
			return file;
		task = BPF_CORE_READ(task, real_parent);
	}
	return NULL;
}

/*
 * Finds the classes of the parent's program in the image that is asked; false where it is no longer known what it was.
 */
static __always_inline bool classify_parent(struct scratch *scratch, struct task_struct *task,
					    struct task_context *context)
{
	struct match *match = &scratch->question.match;
	struct file *file;
	__u32 result;

	match->object_class = PROGRAM_CLASS_UNNAMED;
	file = find_parent_file(task, context);
	if (!file)
		return false;
	result = path_build(&scratch->path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt),
			    &match->offset);
	if (result == PATH_OK && image_classify(scratch) != IMAGE_ANSWERED)
		return false;
	if (result != PATH_OK && !has_no_name(result))
		return false;
	context->parent_class = match->object_class;
	context->parent_image_id = scratch->question.image_id;
	return true;
}

/*
 * Finds the program of the current task's parent. Where that is no longer known, every rule that keeps a parent's
 * children from something holds, and none that allows them something. Returns enum image_answer.
 */
__noinline int find_parent(struct scratch *scratch)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_context *context;
	__u32 image_id, class;
	struct match *match;

	if (!scratch)
		return IMAGE_GONE;
	match = &scratch->question.match;
	match->parent = 0;
	if (!(scratch->question.image_flags & IMAGE_HAS_PARENTS) || !scratch->question.confined)
		return IMAGE_ANSWERED;
	match->parent = ACTOR_IS_PARENT;
	context = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!context)
		return IMAGE_ANSWERED;
	if (!(context->flags & TASK_HAS_PARENT))
		adopt_parent(task, context, scratch->question.host);
	image_id = scratch->question.image_id;
	if (context->parent_inode && context->parent_image_id != image_id &&
	    !classify_parent(scratch, task, context))
		return scratch->question.image_id == image_id ? IMAGE_ANSWERED : IMAGE_REPLACED;
	class = PROGRAM_CLASS_UNNAMED;
	if (context->parent_inode)
		class = class_of_program(context->parent_class,
					 (context->flags & TASK_PARENT_ALTERED) || is_altered(task, context));
	match->parent = class ? class * SYMBOLS_PER_CLASS + ACTOR_IS_PARENT : 0;
	return IMAGE_ANSWERED;
}

#endif
