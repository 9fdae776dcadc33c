/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that rules name as their sources. A program that was started in a
 * way by which others act through it is altered: no Allow rule holds for it.
 */
#ifndef HAUBERK_SOURCE_H
#define HAUBERK_SOURCE_H

#include "decide.h"

static __noinline void source_at(const struct open_image *image, struct path_buffer *path, struct match *match,
				 struct source *source)
{
	struct automaton_walk walk = {
		.pages = image->pages,
		.first = image->first,
		.page = image->first,
		.path = path,
		.offset = match->offset,
		.state = image->first->entries[IMAGE_AUTOMATON].first,
	};
	struct image_entry *entry;
	__u32 place;

	bpf_loop(PATH_BYTES_MAX / BYTES_PER_STEP + 1, automaton_step, &walk, 0);
	match->object_class = walk_symbol(&walk, SYMBOL_PROGRAM_CLASS, PROGRAM_CLASS_UNNAMED);
	source->becoming = source->altered = RULE_NONE;
	place = walk_symbol(&walk, SYMBOL_SOURCE, 0);
	entry = place ? walk_to(&walk, place) : NULL;
	if (!entry)
		return;
	source->becoming = entry->first - VERDICT_MARK;
	source->altered = entry->second - VERDICT_MARK;
}

/* Reads the classes of the program whose path stands in the buffer, and what is said of it as a source. */
__noinline int image_source(struct scratch *scratch)
{
	struct open_image image;
	int answer;

	if (!scratch)
		return IMAGE_GONE;
	answer = question_open(&scratch->question, &image);
	if (answer == IMAGE_ANSWERED)
		source_at(&image, &scratch->path, &scratch->question.match, &scratch->source);
	return answer;
}

/* Writes the path of the party's program to the buffer. Returns enum path_result. */
static __always_inline __u32 place_program(struct scratch *scratch)
{
	struct file *file = (void *)scratch->party.file;

	if (!file)
		return PATH_UNREACHABLE;
	return path_build(&scratch->path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt),
			  &scratch->question.match.offset);
}

/* Whether a file is the one that was run: what a process says of itself may be another. */
static __always_inline bool is_as_cached(struct file *file, struct task_context *cached)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	return !cached->inode ||
	       (cached->inode == BPF_CORE_READ(inode, i_ino) && cached->device == BPF_CORE_READ(inode, i_sb, s_dev));
}

/* Finds the class of the party's program in the image that is asked. Returns enum path_result. */
__noinline int classify_party(struct scratch *scratch)
{
	struct party *party;
	__u32 classes, result;

	if (!scratch)
		return PATH_UNAVAILABLE;
	party = &scratch->party;
	party->program_class = PROGRAM_CLASS_UNNAMED;
	classes = party->cached.program_class;
	if (party->cached.image_id != scratch->question.image_id) {
		if (party->file && !is_as_cached((void *)party->file, &party->cached))
			return PATH_UNAVAILABLE;
		result = place_program(scratch);
		if (result != PATH_OK)
			return has_no_name(result) ? PATH_OK : result;
		/* Where the image was replaced, the caller sees its new id. */
		if (image_source(scratch) != IMAGE_ANSWERED)
			return PATH_OK;
		classes = scratch->question.match.object_class;
	}
	party->program_class = class_of_program(classes, party->altered);
	return PATH_OK;
}

/* Notes with an access that no Allow rule holds for the program any more. */
__noinline int report_altered(struct scratch *scratch)
{
	if (!scratch)
		return 0;
	scratch->source.altered = RULE_NONE;
	if (place_program(scratch) == PATH_OK)
		image_source(scratch);
	scratch->question.verdict = ACTION_AUDIT << VERDICT_ACTION_SHIFT | (scratch->source.altered & VERDICT_RULE_MASK);
	scratch->record.flags |= EVENT_OF_SOURCE;
	count(COUNTER_DECISIONS + 3 * scratch->record.rule_class + ACTION_AUDIT);
	place_object(scratch);
	return report(scratch);
}

/* From here on no Allow rule holds for the current task's program; the access by which that came is reported. */
static __always_inline void alter(struct membership *membership, struct access *access)
{
	struct task_struct *task = membership->task;
	struct task_context *first = bpf_task_storage_get(&tasks, task->group_leader, 0, 0);
	struct scratch *scratch;

	if (membership->context)
		__sync_fetch_and_or(&membership->context->flags, TASK_ALTERED);
	if (first)
		__sync_fetch_and_or(&first->flags, TASK_ALTERED);
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_EVENT_NO_BUFFER);
		return;
	}
	question_begin(membership, scratch, access);
	store_object(scratch, access);
	scratch->party.file = address_of(BPF_CORE_READ(task, mm, exe_file));
	/* What is allowed only because of its parent is reported by a rule for the parent. */
	if (membership->context && !is_allowed_more(membership->context->program_class))
		scratch->party.file = address_of(find_parent_file(task, membership->context));
	report_altered(scratch);
	scratch_return(scratch);
}

#endif
