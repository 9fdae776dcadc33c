/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A directory may have another name only where all that is below it is
 * decided as before: the two names are compared by their guard records.
 */
#ifndef HAUBERK_GUARD_H
#define HAUBERK_GUARD_H

#include "decide.h"

/* A byte that does not occur in names of policies; src/image/subautomaton.ts has the same. */
#define UNNAMED_BYTE 1

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
	scratch->path.bytes[path_index(--offset)] = KEY_GUARD;
	if (!guard_at(&image, &scratch->path, offset, &scratch->renaming.keys[name]))
		return IMAGE_REPLACED;
	return IMAGE_ANSWERED;
}

/* Of two verdicts on a change the one of the name that is guarded. */
static __always_inline __u32 stronger_of(__u32 first, __u32 second)
{
	__u32 chosen = first >> VERDICT_ACTION_SHIFT ? first : second;

	if ((chosen & GUARD_COMMON) && second >> VERDICT_ACTION_SHIFT)
		chosen = second;
	return chosen & ~GUARD_COMMON;
}

/* The verdict on what would change between two names. */
static __always_inline __u32 change_between(const struct guard *guards)
{
	const struct guard *before = &guards[GUARD_BEFORE], *after = &guards[GUARD_AFTER];

	if (before->refused != after->refused)
		return stronger_of(before->refusal, after->refusal);
	return before->decided == after->decided ? RULE_NONE : stronger_of(before->report, after->report);
}

static long blank_byte(__u32 index, struct path_buffer **context)
{
	struct path_buffer *path = *context;

	path->bytes[path_index(PATH_BYTES_MAX - 2 - index)] = UNNAMED_BYTE;
	return 0;
}

/* Of a path with a slash at its end: in place of the last name one of the same length that no rule names. */
static __always_inline void blank_last_name(struct path_buffer *path)
{
	struct dentry *dentry = (void *)path->walk.start_dentry;

	bpf_loop(BPF_CORE_READ(dentry, d_name.len) & (NAME_BYTES_MAX - 1), blank_byte, &path, 0);
}

/*
 * A name that is not given is for the old one the root of all names, for the
 * new one a directory that no rule names, except as one among others.
 */
static __always_inline __u32 read_name(struct scratch *scratch, __u32 name)
{
	struct path_walk *walk = &scratch->path.walk;
	__u32 result;

	scratch->renaming.name = name;
	if (!scratch->renaming.dentries[name]) {
		scratch->path.bytes[PATH_BYTES_MAX - 1] = '/';
		scratch->path.bytes[PATH_BYTES_MAX - 2] = UNNAMED_BYTE;
		scratch->path.bytes[PATH_BYTES_MAX - 3] = '/';
		scratch->question.match.offset = PATH_BYTES_MAX - (name == GUARD_AFTER ? 3 : 1);
		return PATH_OK;
	}
	walk->start_dentry = scratch->renaming.dentries[name];
	walk->start_mount = scratch->renaming.mounts[name];
	walk->as_directory = true;
	result = path_walk_up(&scratch->path);
	if (result == PATH_OK && name == GUARD_AFTER && scratch->renaming.beside)
		blank_last_name(&scratch->path);
	scratch->question.match.offset = walk->offset;
	return result;
}

static __always_inline void forget_guard(struct guard *guard)
{
	guard->refused = guard->decided = GUARD_NOTHING;
	guard->refusal = guard->report = RULE_NONE;
}

/* Returns enum path_result; the image's answer is left in the scratch buffer. */
__noinline int read_guards(struct scratch *scratch)
{
	__u32 name, result;

	if (!scratch)
		return PATH_UNAVAILABLE;
	name = scratch->renaming.name & GUARD_AFTER;
	forget_guard(&scratch->renaming.paths[name]);
	forget_guard(&scratch->renaming.keys[name]);
	scratch->renaming.answer = IMAGE_ANSWERED;
	result = read_name(scratch, name);
	if (result != PATH_OK)
		return scratch->renaming.below_alias ? PATH_OK : result;
	scratch->renaming.answer = image_guard(scratch);
	return PATH_OK;
}

/*
 * Compares the two names; the old one is left in the buffer. Returns enum
 * path_result; without an image there is nothing to compare.
 */
__noinline int compare_names(struct scratch *scratch)
{
	__u32 paths, keys, result, answer = IMAGE_REPLACED;

	if (!scratch)
		return PATH_UNAVAILABLE;
	scratch->question.verdict = RULE_NONE;
	for (int i = 0; i < IMAGE_ATTEMPTS && answer == IMAGE_REPLACED; i++) {
		scratch->renaming.name = GUARD_AFTER;
		result = read_guards(scratch);
		if (result != PATH_OK)
			return result;
		answer = scratch->renaming.answer;
		if (answer != IMAGE_ANSWERED)
			continue;
		scratch->renaming.name = GUARD_BEFORE;
		result = read_guards(scratch);
		if (result != PATH_OK)
			return result;
		answer = scratch->renaming.answer;
	}
	if (answer == IMAGE_REPLACED)
		return PATH_UNAVAILABLE;
	if (answer == IMAGE_GONE)
		return PATH_OK;
	paths = change_between(scratch->renaming.paths);
	keys = change_between(scratch->renaming.keys);
	scratch->question.verdict = keys >> VERDICT_ACTION_SHIFT > paths >> VERDICT_ACTION_SHIFT ? keys : paths;
	return PATH_OK;
}

/* Either name may be left out: see read_name. */
struct names {
	struct dentry *dentries[GUARD_NAMES];
	struct vfsmount *mounts[GUARD_NAMES];
	__u8 operation;		/* enum event_operation */
	__u8 wanted;		/* ACCESS_ bits */
	/*
	 * For symbolic links, below which nothing lies: both are the name that the link gets, and it is compared with one
	 * beside it. What differs is what rules say of names that the link would lead elsewhere.
	 */
	bool beside;
};

static __always_inline int finish_guarded(struct scratch *scratch)
{
	__u32 result = compare_names(scratch);

	if (result == PATH_INTERNAL)
		return 0;
	if (result != PATH_OK)
		return refuse_unresolved(scratch, result);
	return scratch->question.verdict >> VERDICT_ACTION_SHIFT ? finish_decision(scratch) : 0;
}

static long guard_alias_step(__u32 step, struct scratch **context)
{
	struct scratch *scratch = *context;

	if (!next_alias(scratch))
		return 1;
	scratch->renaming.mounts[GUARD_BEFORE] = scratch->renaming.mounts[GUARD_AFTER] = scratch->aliases.other_mount;
	if (!finish_guarded(scratch))
		return 0;
	scratch->renaming.denied = true;
	return 1;
}

/* What a mount shows has other names below other mounts, and these change with it. */
static __always_inline int guard_aliases(struct scratch *scratch, __u64 dentry, __u64 mount)
{
	begin_aliases(scratch, (void *)dentry, (void *)mount + bpf_core_field_offset(struct mount, mnt));
	bpf_loop(ALIASES_MAX, guard_alias_step, &scratch, 0);
	if (scratch->renaming.denied)
		return -EACCES;
	return scratch->aliases.other_mount ? refuse_unresolved(scratch, PATH_UNAVAILABLE) : 0;
}

/* Decides about the names in the scratch buffer. The verifier goes through it once. */
__noinline int guard_all_mounts(struct scratch *scratch)
{
	__u64 before, after;
	int answer;

	if (!scratch)
		return -EACCES;
	before = scratch->renaming.mounts[GUARD_BEFORE];
	after = scratch->renaming.mounts[GUARD_AFTER];
	scratch->renaming.denied = false;
	answer = finish_guarded(scratch);
	if (answer || !scratch->renaming.by_aliases || !has_aliases(scratch))
		return answer;
	scratch->renaming.below_alias = true;
	answer = guard_aliases(scratch, scratch->renaming.dentries[GUARD_BEFORE], before);
	/* What comes into a tree that is mounted twice; of a symbolic link both are its new name. */
	if (!answer && !scratch->renaming.beside)
		answer = guard_aliases(scratch, scratch->renaming.dentries[GUARD_AFTER], after);
	return answer;
}

/* Whether what has the first name may have the second as well, or instead. */
static __always_inline int guard_names(struct membership *membership, struct names *names)
{
	struct access access = {
		.dentry = names->dentries[GUARD_BEFORE],
		.mnt = names->mounts[GUARD_BEFORE],
		.operation = names->operation,
		.wanted = names->wanted,
	};
	struct scratch *scratch;
	int answer;

	if (!(membership->flags & IMAGE_HAS_GUARDS))
		return 0;
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, &access);
	scratch->renaming.below_alias = false;
	scratch->renaming.beside = names->beside;
	scratch->renaming.by_aliases = names->operation == OPERATION_RENAME || names->operation == OPERATION_LINK || names->beside;
	for (int i = 0; i < GUARD_NAMES; i++) {
		scratch->renaming.dentries[i] = (__u64)names->dentries[i];
		scratch->renaming.mounts[i] = (__u64)mount_of(names->mounts[i]);
	}
	/* Newer verifiers know no bounds of what a separately verified function returns. */
	answer = guard_all_mounts(scratch) ? -EACCES : 0;
	scratch_return(scratch);
	return answer;
}

#endif
