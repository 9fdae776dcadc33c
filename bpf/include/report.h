/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts one decision, with the three paths that explain it, into the ring buffer. */
#ifndef HAUBERK_REPORT_H
#define HAUBERK_REPORT_H

#include "maps.h"
#include "path.h"
#include "task.h"
#include "token_bucket.h"

/* Appends the path in the scratch buffer to the record's paths; returns its length. */
static __always_inline __u32 append_path(struct scratch *scratch, __u32 position, __u32 offset)
{
	__u32 length;

	if (offset >= PATH_BYTES_MAX || position > 2 * PATH_BYTES_MAX)
		return 0;
	length = PATH_BYTES_MAX - offset;
	if (length > PATH_BYTES_MAX)
		return 0;
	bpf_probe_read_kernel(&scratch->paths[position], length, &scratch->path.bytes[path_index(offset)]);
	return length;
}

/* The path of the program that a process runs. */
static __always_inline __u32 append_program(struct scratch *scratch, __u32 position, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	__u32 offset;

	if (!file)
		return 0;
	path_build(&scratch->path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), &offset);
	return append_path(scratch, position, offset);
}

/* A process id as the processes of that level's namespace see it; 0 for one that lives outside. */
static __always_inline __u32 pid_at_level(struct task_struct *leader, __u32 level)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);

	if (level > BPF_CORE_READ(pid, level))
		return 0;
	return BPF_CORE_READ(active_upid(pid, level), nr);
}

/* What is asked of the task only once there is something to tell. */
static __always_inline void note_terminal(struct scratch *scratch, struct task_struct *task)
{
	if (has_terminal(task))
		scratch->record.flags |= EVENT_TERMINAL;
}

static __always_inline void describe_denial(struct denial_kind *kind, struct scratch *scratch, struct task_struct *task)
{
	struct inode *program = BPF_CORE_READ(task, mm, exe_file, f_inode);

	kind->container = scratch->question.container;
	kind->image_id = scratch->question.image_id;
	kind->rule = scratch->question.verdict & VERDICT_RULE_MASK;
	kind->cause = scratch->record.rule_class << 16 | scratch->record.path_result;
	kind->program = BPF_CORE_READ(program, i_ino);
	kind->device = BPF_CORE_READ(program, i_sb, s_dev);
}

/*
 * Sends the record whose operation, class, path result and flags are filled in.
 * Call it while the scratch buffer still holds the path or object key. Zero unless
 * the ring has no room.
 */
__noinline int report(struct scratch *scratch)
{
	struct task_struct *task, *parent, *parent_leader;
	struct container_key container;
	struct denial_kind denial = {};
	struct event_record *record;
	__u32 bytes, level;
	bool denied;

	if (!scratch)
		return 0;
	task = actor_of(scratch);
	parent = BPF_CORE_READ(task, real_parent);
	parent_leader = BPF_CORE_READ(parent, group_leader);
	level = BPF_CORE_READ(task, thread_pid, level);
	container = scratch->question.container;
	record = &scratch->record;
	note_terminal(scratch, task);
	record->time_ns = bpf_ktime_get_ns();
	denied = scratch->question.verdict >> VERDICT_ACTION_SHIFT == ACTION_BLOCK;
	if (denied)
		describe_denial(&denial, scratch, task);
	/* What is new to a profile comes once, so that it is no flood. */
	if (!(record->flags & EVENT_OBSERVED) && !take_token(&container, record->time_ns, denied ? &denial : NULL, &record->flags)) {
		count(COUNTER_EVENT_SUPPRESSED);
		return 0;
	}
	record->pid_namespace = container.pid_namespace;
	record->mount_namespace = container.mount_namespace;
	record->image_id = scratch->question.image_id;
	record->verdict = scratch->question.verdict;
	record->host_pid = BPF_CORE_READ(task, tgid);
	record->pid = pid_at_level(BPF_CORE_READ(task, group_leader), level);
	record->host_parent_pid = BPF_CORE_READ(parent, tgid);
	record->parent_pid = pid_at_level(parent_leader, level);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	/* Not that of the thread: by it the process is found again in the process table. */
	BPF_CORE_READ_INTO(&record->comm, task, group_leader, comm);
	record->object_bytes = append_path(scratch, 0, scratch->question.match.offset);
	bytes = record->object_bytes;
	record->program_bytes = append_program(scratch, bytes, task);
	bytes += record->program_bytes;
	record->parent_program_bytes = append_program(scratch, bytes, parent);
	bytes += record->parent_program_bytes;
	if (bytes > EVENT_PATHS_BYTES)
		return 0;
	if (!bpf_ringbuf_output(&events, record, sizeof(*record) + bytes, 0))
		return 0;
	count(COUNTER_EVENT_RING_FULL);
	return -ENOMEM;
}

#endif
