/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program by the name that it is called. Where several names lead to one
 * program, as to busybox, a rule about one of them is about the program run
 * under that name, which is its first argument, or the second of busybox itself.
 */
#ifndef HAUBERK_CALLED_H
#define HAUBERK_CALLED_H

#include "decide.h"

#define CALLED_ARGUMENT_BYTES 1024
#define CALLED_NAME_BYTES 256

/* Where the last part of a path in the first bytes of the paths' buffer begins. */
struct last_part {
	struct scratch *scratch;
	__u32 start;
	__u32 end;
};

static long last_part_step(__u32 index, struct last_part *part)
{
	char byte = part->scratch->paths[index & (CALLED_ARGUMENT_BYTES - 1)];

	if (!byte)
		return 1;
	if (byte == '/')
		part->start = index + 1;
	part->end = index + 1;
	return 0;
}

/* Programs that take what they are to be as their second argument where they are called by their own name. */
static __always_inline bool is_many_programs(const char *name)
{
	return (name[0] == 'b' && name[1] == 'u' && name[2] == 's' && name[3] == 'y' && name[4] == 'b' &&
		name[5] == 'o' && name[6] == 'x') ||
	       (name[0] == 't' && name[1] == 'o' && name[2] == 'y' && name[3] == 'b' && name[4] == 'o' && name[5] == 'x');
}

/*
 * Checks the program in question under the name that ends the argument in
 * the buffer; leaves the verdict in the question. Returns whether the next
 * argument may be the name, less than 0 where that cannot be known.
 */
__noinline int query_called_name(struct scratch *scratch)
{
	struct last_part part = { .scratch = scratch };
	__u32 bytes, offset;
	char *name;

	if (!scratch)
		return 0;
	scratch->question.verdict = RULE_NONE;
	bpf_loop(CALLED_ARGUMENT_BYTES, last_part_step, &part, 0);
	bytes = part.end - part.start;
	if (part.start >= part.end || bytes >= CALLED_NAME_BYTES)
		return 0;
	name = &scratch->paths[part.start & (CALLED_ARGUMENT_BYTES - 1)];
	for (int i = 0; i < IMAGE_ATTEMPTS; i++) {
		if (i && !find_who_acts_again(scratch))
			continue;
		if (place_object(scratch) != PATH_OK)
			return 0;
		offset = scratch->question.match.offset;
		if (offset < CALLED_NAME_BYTES + 1 || offset > PATH_BYTES_MAX)
			return 0;
		offset -= bytes;
		bpf_probe_read_kernel(&scratch->path.bytes[path_index(offset)], bytes & (CALLED_NAME_BYTES - 1), name);
		scratch->path.bytes[path_index(--offset)] = KEY_CALLED;
		scratch->question.match.offset = offset;
		if (image_decide(scratch) != IMAGE_REPLACED)
			return is_many_programs(name);
	}
	return -EACCES;
}

#endif
