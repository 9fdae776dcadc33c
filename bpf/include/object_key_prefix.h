/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_OBJECT_KEY_PREFIX_H
#define HAUBERK_OBJECT_KEY_PREFIX_H

#include "maps.h"
#include "path.h"
#include "object_key.h"

/*
 * Puts a prefix, a detail and perhaps a name before what stands in the buffer.
 * Returns PATH_TOO_LONG where there is no room.
 */
__noinline int place_before(struct scratch *scratch)
{
	__u32 offset;
	long bytes = 0;

	if (!scratch)
		return PATH_TOO_LONG;
	offset = scratch->question.match.offset;
	if (scratch->key.name)
		bytes = bpf_probe_read_kernel_str(scratch->paths, KEY_NAME_BYTES_MAX, (void *)scratch->key.name) - 1;
	if (bytes < 0 || bytes >= KEY_NAME_BYTES_MAX || offset < bytes + 7 || offset > PATH_BYTES_MAX)
		return PATH_TOO_LONG;
	offset -= bytes;
	bpf_probe_read_kernel(&scratch->path.bytes[path_index(offset)], bytes & (KEY_NAME_BYTES_MAX - 1),
			      scratch->paths);
	if (scratch->key.first == KEY_SYSCALL) {
		for (int i = 0; i < 4; i++)
			scratch->path.bytes[path_index(--offset)] = digit(scratch->key.number >> 4 * i);
	}
	scratch->path.bytes[path_index(--offset)] = digit(scratch->key.detail);
	scratch->path.bytes[path_index(--offset)] = scratch->key.first;
	scratch->question.match.offset = offset;
	return PATH_OK;
}

#endif
