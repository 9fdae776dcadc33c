/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds what processes of a container hold although its rules refuse it: files
 * that were opened, and memory that was mapped, before the rules came.
 */
#ifndef HAUBERK_HOLDER_ITERATORS_H
#define HAUBERK_HOLDER_ITERATORS_H

#include "holding.h"
#include "mapping_hooks.h"
#include "open_hooks.h"

/* The membership of a task whose container, or host, is searched and whose image decides of files. */
static __always_inline bool find_searched(struct membership *membership, struct task_struct *task)
{
	if (!look_up_membership(membership, task) || !(membership->confined || membership->host))
		return false;
	membership->confined = true;
	return bpf_map_lookup_elem(&searched, &membership->container) && decides(membership, CLASS_FILE);
}

/* What decide_aliases answers, without a report. */
static __always_inline bool is_refused_by_alias(struct scratch *scratch, struct access *access)
{
	begin_aliases(scratch, access->dentry, access->mnt);
	for (int i = 0; i < ALIASES_MAX; i++) {
		if (query_alias(scratch) == IMAGE_GONE)
			return false;
		if (scratch->question.verdict >> VERDICT_ACTION_SHIFT >= ACTION_BLOCK)
			return true;
	}
	return true;
}

/* What decide_number answers, without a report. */
static __always_inline bool is_refused_by_number(struct scratch *scratch, struct access *access)
{
	if (!begin_number_of(scratch, access->dentry))
		return false;
	for (int i = 0; i < NODE_NAMES_MAX; i++) {
		if (query_node(scratch) != IMAGE_ANSWERED)
			return false;
		if (is_decided_by_rule(scratch) && scratch->question.verdict >> VERDICT_ACTION_SHIFT >= ACTION_BLOCK)
			return true;
	}
	return false;
}

/* Whether the task would be refused this access if it asked for it now; nothing is counted or reported. */
static __always_inline bool would_be_refused(struct membership *membership, struct scratch *scratch, struct access *access)
{
	struct question *question = &scratch->question;

	question_begin(membership, scratch, access);
	question->verdict = ACTION_BLOCK << VERDICT_ACTION_SHIFT | RULE_NONE;
	store_object(scratch, access);
	question->place = find_actor_of(scratch, membership->task, membership->task, false);
	if (question->place == PATH_OK)
		question->place = place_object(scratch);
	if (question->place != PATH_OK)
		return !needs_no_decision(membership, access, question->place) &&
		       !(question->host && question->place == PATH_UNREACHABLE);
	/* An image that is replaced meanwhile is followed by another search. */
	if (image_decide(scratch) != IMAGE_ANSWERED)
		return false;
	if (question->verdict >> VERDICT_ACTION_SHIFT >= ACTION_BLOCK)
		return true;
	if (is_refused_by_number(scratch, access))
		return true;
	return has_aliases(scratch) && is_refused_by_alias(scratch, access);
}

static __always_inline void begin_holding(struct holding *holding, struct membership *membership, __u32 kind)
{
	holding->pid_namespace = membership->container.pid_namespace;
	holding->mount_namespace = membership->container.mount_namespace;
	holding->image_id = membership->image_id;
	holding->host_pid = membership->task->tgid;
	holding->kind = kind;
}

static __always_inline void write_holding(struct seq_file *output, struct scratch *scratch, struct membership *membership,
					 struct holding *holding)
{
	__u32 bytes;

	holding->verdict = scratch->question.verdict;
	holding->object_bytes = append_path(scratch, 0, scratch->question.match.offset);
	holding->program_bytes = append_program(scratch, holding->object_bytes, membership->task);
	bytes = holding->object_bytes + holding->program_bytes;
	if (bytes > EVENT_PATHS_BYTES)
		return;
	/* What does not fit into one buffer, the kernel repeats in full in the next. */
	bpf_seq_write(output, holding, sizeof(*holding));
	bpf_seq_write(output, scratch->paths, bytes);
}

static __always_inline void search(struct seq_file *output, struct membership *membership, struct access *access,
				   struct file *file, __u32 kind)
{
	struct holding holding = { .file = address_of(file) };
	struct scratch *scratch = scratch_take();

	/* None is free only while other decisions are under way on this processor: the next pass finds it. */
	if (!scratch)
		return;
	begin_holding(&holding, membership, kind);
	if (would_be_refused(membership, scratch, access))
		write_holding(output, scratch, membership, &holding);
	scratch_return(scratch);
}

static __always_inline void write_ring(struct seq_file *output, struct membership *membership)
{
	struct holding holding = {};

	begin_holding(&holding, membership, HOLDING_RING);
	bpf_seq_write(output, &holding, sizeof(holding));
}

#define RING_NAME "[io_uring]"

static __always_inline bool is_ring(struct dentry *dentry)
{
	char name[sizeof(RING_NAME)] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	/* There is no memcmp to call. */
#pragma unroll
	for (int i = 0; i < sizeof(name); i++)
		if (name[i] != RING_NAME[i])
			return false;
	return true;
}

SEC("iter/task_file")
int hauberk_find_descriptors(struct bpf_iter__task_file *iterator)
{
	struct task_struct *task = iterator->task;
	struct file *file = iterator->file;
	struct access access = { .operation = OPERATION_USE };
	struct membership membership = {};

	if (!task || !file || (file->f_mode & FMODE_PATH) || !find_searched(&membership, task))
		return 0;
	access.dentry = file->f_path.dentry;
	access.mnt = file->f_path.mnt;
	access.wanted = wanted_of(file);
	if (!is_nameless(access.dentry))
		search(iterator->meta->seq, &membership, &access, file, HOLDING_DESCRIPTOR);
	else if (is_ring(access.dentry))
		write_ring(iterator->meta->seq, &membership);
	return 0;
}

/* A ring whose descriptor is closed: the tasks that submit to it are still attached to it. */
SEC("iter/task")
int hauberk_find_rings(struct bpf_iter__task *iterator)
{
	struct task_struct *task = iterator->task;
	struct task_struct___rings *with_rings = (void *)task;
	struct membership membership = {};

	if (!task || !bpf_core_field_exists(with_rings->io_uring) || !find_searched(&membership, task))
		return 0;
	if (BPF_CORE_READ(with_rings, io_uring, xa.xa_head))
		write_ring(iterator->meta->seq, &membership);
	return 0;
}

/* include/linux/mm.h */
#define VM_WRITE 0x2

SEC("iter/task_vma")
int hauberk_find_mappings(struct bpf_iter__task_vma *iterator)
{
	struct task_struct *task = iterator->task;
	struct vm_area_struct *area = iterator->vma;
	struct access access = { .operation = OPERATION_MAP };
	struct membership membership = {};
	unsigned long flags;
	struct file *file;
	struct path path;
	bool own;

	if (!task || !area || !find_searched(&membership, task))
		return 0;
	file = BPF_CORE_READ(area, vm_file);
	if (is_anonymous(file))
		return 0;
	flags = BPF_CORE_READ(area, vm_flags);
	path_of(file, &path);
	own = is_own_program(&membership, &path);
	if (!own)
		access.wanted = ACCESS_READ | ((flags & VM_SHARED) && (flags & VM_WRITE) ? ACCESS_WRITE : 0);
	if ((flags & VM_EXEC) && (membership.flags & IMAGE_DECIDES_MAPPINGS))
		access.wanted |= ACCESS_MAP;
	access.dentry = path.dentry;
	access.mnt = path.mnt;
	if (access.wanted)
		search(iterator->meta->seq, &membership, &access, file, HOLDING_MAPPING);
	return 0;
}

#endif
