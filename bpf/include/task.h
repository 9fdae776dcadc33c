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
const volatile __u32 host_pid_namespace = 0;

struct membership {
	struct task_struct *task;
	struct task_context *context;	/* NULL where no storage was available */
	struct container_key container;
	__u32 image_id;
	__u32 flags;			/* enum image_flag, and 1 << enum image_class */
	__u32 rules;			/* see struct question */
	bool confined;
	bool host;
};

static __always_inline struct upid *active_upid(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

static __always_inline struct pid_namespace *active_pid_namespace(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *upid = active_upid(pid, BPF_CORE_READ(pid, level));

	return BPF_CORE_READ(upid, ns);
}

/* Whether the container with these namespaces has ended. If its start is not known, it is assumed not to have. */
static __always_inline bool has_ended(struct container_key *container, struct pid_namespace *namespace)
{
	__u64 *start = bpf_map_lookup_elem(&container_starts, container);

	/* A thread that takes over from the first one of process 1 has a start time of its own. */
	return start && *start &&
	       *start != BPF_CORE_READ(namespace, child_reaper, group_leader, start_boottime) / CLOCK_TICK_NS;
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
	/* The task iterator may have confined it since it was looked at. */
	if (flags)
		context->flags = flags;
	return context;
}

static __always_inline bool is_host_under_policy(void)
{
	__u32 zero = 0;
	struct settings *current = bpf_map_lookup_elem(&settings, &zero);

	return current && current->host_policy;
}

/* The image of the container a task is in by its namespaces or, where that is none, of the host. */
static __always_inline void *find_pages(struct membership *membership)
{
	struct task_struct *task = membership->task;
	struct pid_namespace *namespace;
	void *pages = NULL;

	if (!task->nsproxy)
		return NULL;
	membership->container.mount_namespace = task->nsproxy->mnt_ns->ns.inum;
	if (membership->container.mount_namespace == host_mount_namespace && !is_host_under_policy())
		return NULL;
	namespace = active_pid_namespace(task);
	membership->container.pid_namespace = BPF_CORE_READ(namespace, ns.inum);
	if (membership->container.mount_namespace != host_mount_namespace)
		pages = bpf_map_lookup_elem(&containers, &membership->container);
	if (pages && has_ended(&membership->container, namespace))
		pages = NULL;
	/* Kernel threads belong to no container. */
	if (pages || membership->container.pid_namespace != host_pid_namespace || !is_host_under_policy() || !task->mm)
		return pages;
	membership->host = true;
	membership->container.mount_namespace = host_mount_namespace;
	return bpf_map_lookup_elem(&containers, &membership->container);
}

/* Reads the header of an image; false where it cannot be read. */
static __always_inline bool read_image(struct membership *membership, void *pages)
{
	struct open_image image;

	if (!image_open(&image, pages))
		return false;
	membership->image_id = image.first->entries[IMAGE_IDENTITY].first;
	membership->flags = image.first->entries[IMAGE_DECISIONS].first;
	membership->rules = image.first->entries[IMAGE_DECISIONS].second;
	return true;
}

/* Fills in what is known of a task; false when neither its container nor the host is under policy. */
static __always_inline bool look_up_membership(struct membership *membership, struct task_struct *task)
{
	struct task_context *context = bpf_task_storage_get(&tasks, task, 0, 0);
	void *pages;

	membership->task = task;
	membership->context = context;
	membership->confined = context && (context->flags & TASK_CONFINED);
	if (membership->confined) {
		membership->container = context->container;
		pages = bpf_map_lookup_elem(&containers, &membership->container);
	} else {
		pages = find_pages(membership);
	}
	return pages && read_image(membership, pages);
}

/* The same for the current task, which becomes confined if it should be. */
static __always_inline bool find_membership(struct membership *membership)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_context *context;

	if (!look_up_membership(membership, task))
		return false;
	context = membership->context;
	if (!membership->confined && (membership->host || !runs_program_from_outside(task))) {
		membership->confined = true;
		if (!context || !membership->host) {
			membership->context = join_container(task, membership->container, membership->host ? TASK_HOST : TASK_CONFINED);
			if (membership->context)
				remember_program(membership->context, BPF_CORE_READ(task, mm, exe_file, f_inode));
		}
	}
	return true;
}

enum image_answer {
	IMAGE_ANSWERED = 0,
	/* The container has a newer image, whose id is now in the question. */
	IMAGE_REPLACED = 1,
	IMAGE_GONE = 2,
};

/* Opens the image that the question is about. */
static __always_inline int question_open(struct question *question, struct open_image *image)
{
	/* Some kernels take no key from memory that was handed to a function. */
	struct container_key container = question->container;
	void *pages = bpf_map_lookup_elem(&containers, &container);
	__u32 image_id;

	if (!pages || !image_open(image, pages))
		return IMAGE_GONE;
	image_id = image->first->entries[IMAGE_IDENTITY].first;
	if (image_id == question->image_id)
		return IMAGE_ANSWERED;
	question->image_id = image_id;
	question->image_flags = image->first->entries[IMAGE_DECISIONS].first;
	question->rules = image->first->entries[IMAGE_DECISIONS].second;
	return IMAGE_REPLACED;
}

/* The task that acts, as an address: what is read of it may be nothing. */
static __always_inline struct task_struct *actor_of(struct scratch *scratch)
{
	return (void *)(scratch->actor ? scratch->actor : address_of(bpf_get_current_task_btf()));
}

/* Whether the task has a controlling terminal, as `tty` reports it. */
static __always_inline bool has_terminal(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, tty) != NULL;
}

/* Looks up the path or object key in the buffer: the strongest verdict over the wanted operations. */
__noinline int image_decide(struct scratch *scratch)
{
	struct question *question;
	struct open_image image;
	int answer;

	if (!scratch)
		return IMAGE_GONE;
	question = &scratch->question;
	answer = question_open(question, &image);
	if (answer != IMAGE_ANSWERED)
		return answer;
	question->match.replaced = RULE_NONE;
	question->verdict = automaton_match(&image, &scratch->path, &question->match, question->wanted, question->owner);
	/* Whoever makes a source's file acts as the source. The host's programs are upgraded in place. */
	if (!question->host && question->match.replaced >> VERDICT_ACTION_SHIFT > question->verdict >> VERDICT_ACTION_SHIFT)
		question->verdict = question->match.replaced;
	return answer;
}

/* Looks up no operation: only the class of the path in the buffer, were it a program, and whether rules cover it. */
static __always_inline int image_classify(struct scratch *scratch)
{
	__u32 wanted = scratch->question.wanted;
	int answer;

	scratch->question.wanted = 0;
	answer = image_decide(scratch);
	scratch->question.wanted = wanted;
	return answer;
}

/* A program without a path, such as a memory file, cannot be named by a rule. */
static __always_inline bool has_no_name(__u32 result)
{
	return result == PATH_UNREACHABLE || result == PATH_INTERNAL;
}

static __always_inline __u32 class_of_program(__u32 classes, bool altered)
{
	return altered ? classes >> PROGRAM_CLASS_BITS : classes & PROGRAM_CLASS_MASK;
}

/* Whether no Allow rule holds for the program: found out by one of the threads that run it. */
static __always_inline bool is_altered(struct task_struct *task, struct task_context *context)
{
	struct task_context *first;

	if (!(context->flags & (TASK_LOADS | TASK_ALTERED)))
		return false;
	if (context->flags & TASK_ALTERED)
		return true;
	first = bpf_task_storage_get(&tasks, task->group_leader, 0, 0);
	return first && (first->flags & TASK_ALTERED);
}

/*
 * Finds who acts, or would: the class of the program the task runs, and whether
 * it has a terminal. The class is found when the program is run; a newer image
 * makes it stale, and then the program's path is read again, and kept by the
 * task itself only: another one may run the next program meanwhile. `known` is
 * the task, or NULL where the kernel does not vouch for it. Returns enum
 * path_result.
 */
static __always_inline int find_actor_of(struct scratch *scratch, struct task_struct *task, struct task_struct *known,
					 bool keeps)
{
	struct task_context *context = NULL;
	__u32 image_id = scratch->question.image_id;
	__u32 result = PATH_OK;
	struct match *match;
	bool altered = false;
	struct file *file;
	struct inode *inode;

	match = &scratch->question.match;
	match->actor = 0;
	match->object_class = PROGRAM_CLASS_UNNAMED;
	if (!(scratch->question.image_flags & IMAGE_HAS_SOURCES) || !scratch->question.confined)
		goto found;
	if (known)
		context = bpf_task_storage_get(&tasks, known, 0, 0);
	altered = context && is_altered(known, context);
	if (context && context->image_id == scratch->question.image_id) {
		match->object_class = context->program_class;
		goto found;
	}
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		goto found;
	inode = BPF_CORE_READ(file, f_inode);
	if (context && (context->inode != BPF_CORE_READ(inode, i_ino) ||
			context->device != BPF_CORE_READ(inode, i_sb, s_dev)))
		return PATH_UNAVAILABLE;
	result = path_build(&scratch->path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt),
			    &match->offset);
	if (result == PATH_OK && image_classify(scratch) != IMAGE_ANSWERED) {
		/* For the next question to find that it was replaced: the actor is to be looked up in the new image. */
		scratch->question.image_id = image_id;
		goto found;
	}
	if (result != PATH_OK && !has_no_name(result))
		return result;
	if (context && keeps) {
		context->program_class = match->object_class;
		context->image_id = scratch->question.image_id;
	}
found:
	match->actor = class_of_program(match->object_class, altered) * SYMBOLS_PER_CLASS;
	if ((scratch->question.image_flags & IMAGE_HAS_TERMINALS) && has_terminal(task))
		match->actor |= ACTOR_HAS_TERMINAL;
	return PATH_OK;
}

/* The same of the task that is decided about, gone through by the verifier once. */
__noinline int find_actor(struct scratch *scratch)
{
	if (!scratch)
		return PATH_UNAVAILABLE;
	return find_actor_of(scratch, actor_of(scratch), scratch->actor ? NULL : bpf_get_current_task_btf(), true);
}

#endif
