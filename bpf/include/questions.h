/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions for names, read from the memory of the program that sends them. */
#ifndef HAUBERK_QUESTIONS_H
#define HAUBERK_QUESTIONS_H

#include "names.h"
#include "path.h"

/* The longest question, with the length that stands before it on a stream. */
#define QUESTION_BYTES_MAX 512
/* A message may be put together from this many pieces: the length, and perhaps the header, come apart. */
#define PIECES_MAX 4

struct pieces {
	const struct iovec *vector;
	__u64 count;
	struct iovec only;
};

/* Keeps the compiler from looking at a member before it is known that the kernel has it. */
#define ONLY_HERE(pointer) asm volatile("" : "+r"(pointer))

/* Where a message is in the program's memory; false where it is not a program's. */
static __always_inline bool find_pieces(struct pieces *pieces, struct msghdr *message)
{
	__u8 type = BPF_CORE_READ(message, msg_iter.iter_type);

	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    type == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		ONLY_HERE(message);
		pieces->only.iov_base = BPF_CORE_READ(message, msg_iter.ubuf);
		pieces->only.iov_len = BPF_CORE_READ(message, msg_iter.count);
		pieces->count = 1;
		return true;
	}
	if (type != bpf_core_enum_value(enum iter_type, ITER_IOVEC))
		return false;
	if (bpf_core_field_exists(((struct iov_iter *)0)->__iov)) {
		ONLY_HERE(message);
		pieces->vector = BPF_CORE_READ(message, msg_iter.__iov);
	} else {
		struct iov_iter___vector *earlier = (void *)&message->msg_iter;

		ONLY_HERE(earlier);
		pieces->vector = BPF_CORE_READ(earlier, iov);
	}
	pieces->count = BPF_CORE_READ(message, msg_iter.nr_segs);
	return true;
}

/* Copies a message's beginning to the buffer; returns how many bytes, 0 where they cannot be read. */
static __always_inline __u32 read_message(struct scratch *scratch)
{
	struct msghdr *message = (void *)scratch->sent.header;
	__u64 skipped = BPF_CORE_READ(message, msg_iter.iov_offset);
	struct pieces pieces = {};
	__u32 length = 0;

	if (!find_pieces(&pieces, message))
		return 0;
	for (__u32 i = 0; i < PIECES_MAX && i < pieces.count && length < QUESTION_BYTES_MAX; i++) {
		struct iovec piece = pieces.only;
		__u32 bytes;

		if (pieces.vector)
			bpf_probe_read_kernel(&piece, sizeof(piece), pieces.vector + i);
		if (skipped > piece.iov_len)
			return 0;
		bytes = QUESTION_BYTES_MAX - length;
		if (piece.iov_len - skipped < bytes)
			bytes = piece.iov_len - skipped;
		bytes &= 2 * QUESTION_BYTES_MAX - 1;
		if (bpf_probe_read_user(&scratch->paths[path_index(length)], bytes, piece.iov_base + skipped))
			return 0;
		length += bytes;
		skipped = 0;
	}
	return length;
}

/*
 * Where the question ends, given how many bytes could be read. What is sent to a stream is one or more questions, each
 * whole and behind its length: what comes in smaller pieces, or is more than can be read, is not put together here.
 */
static __always_inline __u32 end_of_question(struct scratch *scratch, __u32 length)
{
	struct msghdr *message = (void *)scratch->sent.header;
	__u64 whole = BPF_CORE_READ(message, msg_iter.count);
	__u32 end;

	scratch->sent.next = 0;
	if (!scratch->sent.is_stream)
		return length;
	if (scratch->sent.start + 2 > length)
		return 0;
	end = scratch->sent.start + 2 + message_number(scratch, scratch->sent.start);
	if (end > length)
		return 0;
	if (end < whole)
		scratch->sent.next = end;
	return end;
}

/* Writes the object key of a DNS question: its prefix and the name. Returns enum path_result. */
__noinline int place_question(struct scratch *scratch)
{
	__u32 start, end;

	if (!scratch)
		return PATH_UNREADABLE;
	end = end_of_question(scratch, read_message(scratch));
	if (!read_question(scratch, scratch->sent.start + (scratch->sent.is_stream ? 2 : 0), end))
		return PATH_UNREADABLE;
	start = place_name(&scratch->path, &scratch->learnt.name) - 1;
	scratch->path.bytes[path_index(start)] = KEY_QUESTION;
	scratch->question.match.offset = start;
	return PATH_OK;
}

#endif
