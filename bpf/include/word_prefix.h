/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_WORD_PREFIX_H
#define HAUBERK_WORD_PREFIX_H

#include "maps.h"
#include "path.h"
#include "word.h"

/*
 * Puts a letter, a detail and perhaps a name before what stands in the buffer.
 * Returns PATH_TOO_LONG where there is no room.
 */
__noinline int place_before(struct scratch *scratch)
{
	__u32 offset;
	long bytes = 0;

	if (!scratch)
		return PATH_TOO_LONG;
	offset = scratch->question.match.offset;
	if (scratch->word.name)
		bytes = bpf_probe_read_kernel_str(scratch->paths, WORD_NAME_BYTES_MAX, (void *)scratch->word.name) - 1;
	if (bytes < 0 || bytes >= WORD_NAME_BYTES_MAX || offset < bytes + 7 || offset > PATH_BYTES_MAX)
		return PATH_TOO_LONG;
	offset -= bytes;
	bpf_probe_read_kernel(&scratch->path.bytes[path_index(offset)], bytes & (WORD_NAME_BYTES_MAX - 1),
			      scratch->paths);
	if (scratch->word.first == LETTER_SYSCALL) {
		for (int i = 0; i < 4; i++)
			scratch->path.bytes[path_index(--offset)] = letter(scratch->word.number >> 4 * i);
	}
	scratch->path.bytes[path_index(--offset)] = letter(scratch->word.detail);
	scratch->path.bytes[path_index(--offset)] = scratch->word.first;
	scratch->question.match.offset = offset;
	return PATH_OK;
}

#endif
