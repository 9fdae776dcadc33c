/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A directory may have another name only where all that lies below it is
 * decided as before: the two names are compared by their guard records.
 */
#ifndef HAUBERK_GUARD_H
#define HAUBERK_GUARD_H

#include "decide.h"

/* False where the image is damaged. */
static __noinline bool guard_at(const struct open_image *image, struct path_buffer *path, __u32 offset,
				struct guard *guard)
{
	struct automaton_walk walk = {
		.pages = image->pages,
		.first = image->first,
		.page = image->first,
		.path = path,
		.offset = offset,
		.state = image->first->entries[IMAGE_AUTOMATON].first,
	};
	struct image_entry *entry;
	__u32 place;

	bpf_loop(PATH_BYTES_MAX / BYTES_PER_STEP + 1, automaton_step, &walk, 0);
	place = walk_symbol(&walk, SYMBOL_GUARD, 0);
	guard->refused = guard->decided = GUARD_NOTHING;
	guard->refusal = guard->report = RULE_NONE;
	if (!place)
		return true;
	entry = walk_to(&walk, place);
	if (!entry)
		return false;
	guard->refused = entry->first - VERDICT_MARK;
	guard->decided = entry->second - VERDICT_MARK;
	entry = walk_to(&walk, place + 1);
	if (!entry)
		return false;
	guard->refusal = entry->first - VERDICT_MARK;
	guard->report = entry->second - VERDICT_MARK;
	return true;
}

/* Reads what guards the directory whose path stands in the buffer. */
__noinline int image_guard(struct scratch *scratch)
{
	struct open_image image;
	__u32 offset, name;
	int answer;

	if (!scratch)
		return IMAGE_GONE;
	answer = question_open(&scratch->question, &image);
	if (answer != IMAGE_ANSWERED)
		return answer;
	offset = scratch->question.match.offset;
	name = scratch->renaming.name & GUARD_AFTER;
	if (!offset || !guard_at(&image, &scratch->path, offset, &scratch->renaming.paths[name]))
		return IMAGE_REPLACED;
	scratch->path.bytes[path_index(--offset)] = LETTER_GUARD;
	if (!guard_at(&image, &scratch->path, offset, &scratch->renaming.words[name]))
		return IMAGE_REPLACED;
	return IMAGE_ANSWERED;
}

static __always_inline __u32 stronger_of(__u32 first, __u32 second)
{
	return first >> VERDICT_ACTION_SHIFT ? first : second;
}

/* The verdict on what would change between two names. */
static __always_inline __u32 change_between(const struct guard *guards)
{
	const struct guard *before = &guards[GUARD_BEFORE], *after = &guards[GUARD_AFTER];

	if (before->refused != after->refused)
		return stronger_of(before->refusal, after->refusal);
	return before->decided == after->decided ? RULE_NONE : stronger_of(before->report, after->report);
}

static __always_inline __u32 read_name(struct scratch *scratch, __u32 name)
{
	struct path_walk *walk = &scratch->path.walk;
	__u32 result;

	walk->start_dentry = scratch->renaming.dentries[name];
	walk->start_mount = scratch->renaming.mounts[name];
	walk->as_directory = true;
	result = path_walk_up(&scratch->path);
	scratch->question.match.offset = walk->offset;
	scratch->renaming.name = name;
	return result;
}

/*
 * Compares the two names; the old one is left in the buffer. Returns enum
 * path_result; without an image there is nothing to compare.
 */
__noinline int compare_names(struct scratch *scratch)
{
	__u32 paths, words, result;
	int answer = IMAGE_REPLACED;

	if (!scratch)
		return PATH_UNAVAILABLE;
	scratch->question.verdict = RULE_NONE;
	for (int i = 0; i < IMAGE_ATTEMPTS && answer == IMAGE_REPLACED; i++) {
		result = read_name(scratch, GUARD_AFTER);
		if (result != PATH_OK)
			return result;
		answer = image_guard(scratch);
		if (answer != IMAGE_ANSWERED)
			continue;
		result = read_name(scratch, GUARD_BEFORE);
		if (result != PATH_OK)
			return result;
		answer = image_guard(scratch);
	}
	if (answer == IMAGE_REPLACED)
		return PATH_UNAVAILABLE;
	if (answer == IMAGE_GONE)
		return PATH_OK;
	paths = change_between(scratch->renaming.paths);
	words = change_between(scratch->renaming.words);
	scratch->question.verdict = words >> VERDICT_ACTION_SHIFT > paths >> VERDICT_ACTION_SHIFT ? words : paths;
	return PATH_OK;
}

/* Whether a directory may have the second name as well as, or instead of, the first. */
static __always_inline int guard_directory(struct membership *found, struct dentry *before, struct vfsmount *before_mnt,
					   struct dentry *after, struct vfsmount *after_mnt, __u32 operation)
{
	struct access access = { .dentry = before, .mnt = before_mnt, .operation = operation, .wanted = ACCESS_RENAME };
	struct scratch *scratch;
	int result, answer = 0;

	if (!(found->flags & IMAGE_HAS_GUARDS) || is_nameless(before))
		return 0;
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(found, scratch, &access);
	scratch->renaming.dentries[GUARD_BEFORE] = (__u64)before;
	scratch->renaming.mounts[GUARD_BEFORE] = (__u64)mount_of(before_mnt);
	scratch->renaming.dentries[GUARD_AFTER] = (__u64)after;
	scratch->renaming.mounts[GUARD_AFTER] = (__u64)mount_of(after_mnt);
	result = compare_names(scratch);
	if (result != PATH_OK && result != PATH_INTERNAL)
		answer = refuse_unresolved(scratch, result);
	else if (result == PATH_OK && scratch->question.verdict >> VERDICT_ACTION_SHIFT)
		answer = conclude(scratch, &access);
	scratch_return(scratch);
	return answer;
}

#endif
