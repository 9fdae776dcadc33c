/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to have one's own code run as another program: it is started while
 * somebody controls it, or with variables, a root or mounts by which its loader
 * finds other libraries.
 * What its image brought is its own; the rest is reported when it is mapped.
 */
#ifndef HAUBERK_LOADER_H
#define HAUBERK_LOADER_H

#include "layers.h"
#include "source.h"

/* include/uapi/asm-generic/mman.h: says no more than that the dynamic loader of the GNU C library maps it */
#define MAP_DENYWRITE 0x0800
#define FILTERS_MAX 32
/* More than the kernel takes of arguments and variables together. */
#define STRINGS_MAX (1 << 22)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___traced {
	unsigned int ptrace;
	struct task_struct *parent;
};

struct notification;

struct seccomp_filter {
	struct seccomp_filter *prev;
	struct notification *notif;
};

struct seccomp {
	struct seccomp_filter *filter;
};

struct task_struct___filtered {
	struct seccomp seccomp;
};

struct fs_struct {
	struct path root;
};

struct task_struct___rooted {
	struct fs_struct *fs;
};

struct super_block___rooted {
	struct dentry *s_root;
};

struct linux_binprm___strings {
	unsigned long exec;
};

#pragma clang attribute pop

/* Whether another process controls the task; what the host does to its containers is its own matter. */
static __always_inline bool is_traced(struct task_struct *task, bool host)
{
	struct task_struct___traced *traced = (void *)task;

	if (!BPF_CORE_READ(traced, ptrace))
		return false;
	return host || BPF_CORE_READ(traced, parent, nsproxy, mnt_ns, ns.inum) != host_mount_namespace;
}

/*
 * Whether somebody answers system calls in the kernel's place, as seccomp(2)
 * lets them: a filter asks a listener that the container's first process does
 * not have. Its filters are a tail of those of its children.
 */
static __always_inline bool is_answered(struct task_struct *task)
{
	struct task_struct___filtered *filtered = (void *)task, *first;
	struct seccomp_filter *filter, *given;

	if (!bpf_core_field_exists(struct seccomp_filter, notif))
		return false;
	first = (void *)BPF_CORE_READ(active_pid_namespace(task), child_reaper);
	given = BPF_CORE_READ(first, seccomp.filter);
	filter = BPF_CORE_READ(filtered, seccomp.filter);
	for (int i = 0; i < FILTERS_MAX; i++) {
		if (!filter || filter == given)
			return false;
		if (BPF_CORE_READ(filter, notif))
			return true;
		filter = BPF_CORE_READ(filter, prev);
	}
	return true;
}

/* How far the reading of a new program's arguments and variables has come. */
struct strings_walk {
	struct scratch *scratch;
	__u64 address;
	__u64 end;
	__u32 arguments;	/* still to come */
	__u32 inside;		/* of a string that did not fit the buffer */
	__u32 loads;		/* out */
};

/* Variables of the loader, and the one by which the C library finds its converters. */
static __always_inline bool names_libraries(const char *variable)
{
	if (variable[0] == 'L' && variable[1] == 'D' && variable[2] == '_')
		return true;
	return variable[0] == 'G' && variable[1] == 'C' && variable[2] == 'O' && variable[3] == 'N' &&
	       variable[4] == 'V' && variable[5] == '_';
}

static long strings_step(__u32 index, struct strings_walk *walk)
{
	char *copy = walk->scratch->paths;
	long bytes;

	if (walk->address >= walk->end) {
		walk->loads = false;
		return 1;
	}
	bytes = bpf_probe_read_user_str(copy, PATH_BYTES_MAX, (void *)walk->address);
	if (bytes <= 0)
		return 1;
	if (!walk->inside) {
		if (walk->arguments)
			walk->arguments--;
		else if (names_libraries(copy))
			return 1;
	}
	walk->inside = bytes == PATH_BYTES_MAX;
	walk->address += bytes - walk->inside;
	return 0;
}

/*
 * Whether a program is started with variables by which libraries are loaded.
 * Its stack is its memory by now, but the kernel has not looked for them yet:
 * the arguments come first, then the variables, then the name that was run.
 */
static __always_inline bool has_loader_variables(struct linux_binprm *bprm)
{
	struct linux_binprm___strings *strings = (void *)bprm;
	struct strings_walk walk = {
		.scratch = scratch_take(),
		.address = BPF_CORE_READ(bprm, p),
		.end = BPF_CORE_READ(strings, exec),
		.arguments = BPF_CORE_READ(bprm, argc),
		.loads = true,
	};

	if (!walk.scratch)
		return true;
	bpf_loop(STRINGS_MAX, strings_step, &walk, 0);
	scratch_return(walk.scratch);
	return walk.loads;
}

/*
 * Whether the names of the container's libraries may lead to other files for this task: it has mounts of its own, or
 * another root than the overlay that its program is on. What the service manager gives the host's services is not
 * counted.
 */
static __always_inline bool has_other_names(struct task_struct *task, struct task_context *context, struct inode *program)
{
	struct super_block___rooted *sb = (void *)BPF_CORE_READ(program, i_sb);
	struct task_struct___rooted *rooted = (void *)task;

	if (context->flags & TASK_HOST)
		return false;
	if (task->nsproxy->mnt_ns->ns.inum != context->container.mount_namespace)
		return true;
	/* A container's root need not be its filesystem's where that is not an overlay, nor a volume's root the container's. */
	return is_on_overlay(program) && BPF_CORE_READ(rooted, fs, root.dentry) != BPF_CORE_READ(sb, s_root);
}

/* Asked when a program is run that an Allow rule names as its source. */
static __always_inline void check_start(struct task_struct *task, struct task_context *context,
					struct linux_binprm *bprm)
{
	struct access access = { .operation = OPERATION_EXEC, .wanted = ACCESS_EXECUTE };
	struct membership membership = {};

	if (is_traced(task, context->flags & TASK_HOST) || is_answered(task)) {
		access.dentry = bprm->file->f_path.dentry;
		access.mnt = bprm->file->f_path.mnt;
		if (find_membership(&membership))
			alter(&membership, &access);
	} else if (has_other_names(task, context, bprm->file->f_inode) || has_loader_variables(bprm)) {
		__sync_fetch_and_or(&context->flags, TASK_LOADS);
	}
}

/* Whether a file is beside the program, on the overlay of their image, and came with it. */
static __always_inline bool is_of_image(struct file *file, struct file *program)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	return is_on_overlay(inode) && BPF_CORE_READ(program, f_inode, i_sb) == BPF_CORE_READ(inode, i_sb) &&
	       !is_in_upper_layer(inode);
}

/* Whether a program of a class may be brought the library whose object key is in the buffer: enum image_answer. */
static __always_inline int query_library_for_class(struct scratch *scratch, __u32 key)
{
	scratch->question.match.actor = key & ~(ACTOR_HAS_TERMINAL | ACTOR_IS_PARENT);
	return image_decide(scratch);
}

/*
 * Looks up whether policies let the current program, and its parent, be brought
 * a library. Returns enum image_answer; the verdict is in the question.
 */
__noinline int query_library(struct scratch *scratch)
{
	struct question *question;
	__u32 parent;
	int answer;

	if (!scratch)
		return IMAGE_GONE;
	question = &scratch->question;
	answer = find_parent(scratch);
	if (answer != IMAGE_ANSWERED)
		return answer;
	parent = question->match.parent;
	question->match.parent = 0;
	if (find_actor(scratch) != PATH_OK)
		return IMAGE_GONE;
	if (place_object(scratch) != PATH_OK)
		return IMAGE_GONE;
	answer = query_library_for_class(scratch, question->match.actor);
	if (answer == IMAGE_ANSWERED && question->verdict >> VERDICT_ACTION_SHIFT == ACTION_ALLOW)
		answer = query_library_for_class(scratch, parent);
	return answer;
}

/* Whether policies let the current program be brought what its image did not. */
static __always_inline bool is_let_bring(struct membership *membership, struct access *mapped)
{
	struct access access = {
		.dentry = mapped->dentry,
		.mnt = mapped->mnt,
		.subject = SUBJECT_LIBRARIES,
		.wanted = ACCESS_USE,
		.key = KEY_LIBRARY,
	};
	struct scratch *scratch;
	int answer = IMAGE_REPLACED;

	if (!(membership->flags & IMAGE_HAS_LIBRARIES))
		return false;
	scratch = scratch_take();
	if (!scratch)
		return false;
	question_begin(membership, scratch, &access);
	store_object(scratch, &access);
	for (int i = 0; i < IMAGE_ATTEMPTS && answer == IMAGE_REPLACED; i++)
		answer = query_library(scratch);
	if (answer == IMAGE_ANSWERED && scratch->question.verdict >> VERDICT_ACTION_SHIFT != ACTION_ALLOW)
		answer = IMAGE_GONE;
	scratch_return(scratch);
	return answer == IMAGE_ANSWERED;
}

/* What a program maps that was started with such variables, its own file excepted. */
static __always_inline void check_library(struct membership *membership, struct file *file)
{
	struct task_struct *task = membership->task;
	struct file *program = BPF_CORE_READ(task, mm, exe_file);
	struct access access = { .operation = OPERATION_MAP, .wanted = ACCESS_MAP };

	if (is_altered(task, membership->context) || is_of_image(file, program) ||
	    BPF_CORE_READ(program, f_inode) == BPF_CORE_READ(file, f_inode))
		return;
	access.dentry = BPF_CORE_READ(file, f_path.dentry);
	access.mnt = BPF_CORE_READ(file, f_path.mnt);
	if (!is_let_bring(membership, &access))
		alter(membership, &access);
}

#endif
