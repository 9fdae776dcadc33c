/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses without a path, written as words for the same automaton: see
 * src/image/words.ts, its twin. Numbers are letters, 'a' for 0 to 'p' for 15.
 */
#ifndef HAUBERK_WORD_H
#define HAUBERK_WORD_H

#include "automaton.h"

/* What is not known is padded with 'a': rules do not look at it. */
#define SOCKET_WORD_BYTES 46
#define CAPABILITY_WORD_BYTES 3
#define WORD_BYTES_MAX 48

enum word_direction {
	DIRECTION_NONE = 0,
	DIRECTION_EGRESS = 1,
	DIRECTION_INGRESS = 2,
};

enum word_address {
	ADDRESS_UNKNOWN = 0,
	ADDRESS_IPV4 = 1,
	ADDRESS_IPV6 = 2,
};

struct word {
	__u32 bytes;
	char letters[WORD_BYTES_MAX];
};

struct endpoint {
	__u8 direction;		/* enum word_direction */
	__u8 kind;		/* enum word_address */
	__u16 port;
	__u8 address[16];	/* an IPv4 address stands in the first four */
};

static __always_inline char letter(__u32 value)
{
	return 'a' + (value & 0xf);
}

static __always_inline void write_byte(struct word *word, __u32 position, __u8 value)
{
	word->letters[position] = letter(value >> 4);
	word->letters[position + 1] = letter(value);
}

static __always_inline void write_capability(struct word *word, __u32 capability)
{
	word->bytes = CAPABILITY_WORD_BYTES;
	word->letters[0] = 'c';
	write_byte(word, 1, capability);
}

static __always_inline void write_socket(struct word *word, __u32 family, __u32 type, __u32 protocol,
					 const struct endpoint *end)
{
	word->bytes = SOCKET_WORD_BYTES;
	word->letters[0] = 'n';
	write_byte(word, 1, family);
	word->letters[3] = letter(type);
	write_byte(word, 4, protocol >> 8);
	write_byte(word, 6, protocol);
	word->letters[8] = letter(end->direction);
	write_byte(word, 9, end->port >> 8);
	write_byte(word, 11, end->port);
	word->letters[13] = letter(end->kind);
	for (int i = 0; i < 16; i++)
		write_byte(word, 14 + 2 * i, end->address[i]);
}

/* Puts the word where a path would stand; returns its start. */
static __always_inline __u32 place_word(struct path_buffer *path, const struct word *word)
{
	if (word->bytes == CAPABILITY_WORD_BYTES) {
		__builtin_memcpy(&path->bytes[PATH_BYTES_MAX - CAPABILITY_WORD_BYTES], word->letters,
				 CAPABILITY_WORD_BYTES);
		return PATH_BYTES_MAX - CAPABILITY_WORD_BYTES;
	}
	__builtin_memcpy(&path->bytes[PATH_BYTES_MAX - SOCKET_WORD_BYTES], word->letters, SOCKET_WORD_BYTES);
	return PATH_BYTES_MAX - SOCKET_WORD_BYTES;
}

#endif
