/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses without a path, written as object keys for the same automaton: see
 * src/image/object-keys.ts, its twin, and src/image/kinds. Numbers are written in 16 digits, 'a' for 0 to 'p' for 15.
 */
#ifndef HAUBERK_OBJECT_KEY_H
#define HAUBERK_OBJECT_KEY_H

#include "automaton.h"

/* The first character of an object key; a path starts with a slash instead. */
enum object_key {
	KEY_ARGUMENT = 'a',
	KEY_CALLED = 'b',
	KEY_CAPABILITY = 'c',
	KEY_FILESYSTEM = 'f',
	KEY_GUARD = 'g',
	KEY_LIBRARY = 'l',
	KEY_MOUNT = 'm',
	KEY_NETWORK = 'n',
	KEY_PRESET = 'p',
	KEY_QUESTION = 'q',
	KEY_SYSCALL = 's',
	KEY_TRACE = 't',
	KEY_NAMESPACE = 'u',
};

/* What is not known is padded with 'a': rules do not look at it. A name may follow. */
#define SOCKET_KEY_BYTES 46
#define CAPABILITY_KEY_BYTES 3

enum endpoint_direction {
	DIRECTION_NONE = 0,
	DIRECTION_EGRESS = 1,
	DIRECTION_INGRESS = 2,
};

enum endpoint_address {
	ADDRESS_UNKNOWN = 0,
	ADDRESS_IPV4 = 1,
	ADDRESS_IPV6 = 2,
};

struct endpoint {
	__u8 direction;		/* enum endpoint_direction */
	__u8 kind;		/* enum endpoint_address */
	__u16 port;
	__u8 address[16];	/* an IPv4 address stands in the first four */
};

/* Parts from the last to the first, each behind a dot. It ends with the buffer. */
#define HOST_NAME_BYTES 256

struct host_name {
	__u32 start;
	char bytes[HOST_NAME_BYTES];
};

struct socket_use {
	__u16 family;
	__u16 type;
	__u16 protocol;
	struct endpoint end;
	struct host_name *name;	/* of the end; NULL for none */
};

static __always_inline char digit(__u32 value)
{
	return 'a' + (value & 0xf);
}

static __always_inline void write_byte(char *key, __u32 position, __u8 value)
{
	key[position] = digit(value >> 4);
	key[position + 1] = digit(value);
}

/* Both write where a path would stand and return where the object key starts. */
static __always_inline __u32 place_capability(struct path_buffer *path, __u32 capability)
{
	char *key = &path->bytes[PATH_BYTES_MAX - CAPABILITY_KEY_BYTES];

	key[0] = KEY_CAPABILITY;
	write_byte(key, 1, capability);
	return PATH_BYTES_MAX - CAPABILITY_KEY_BYTES;
}

/* Writes a name to the buffer's end and returns where it starts. */
static __always_inline __u32 place_name(struct path_buffer *path, struct host_name *name)
{
	__u32 first = HOST_NAME_BYTES, bytes, start;

	bpf_probe_read_kernel(&first, sizeof(first), &name->start);
	bytes = (HOST_NAME_BYTES - first) & (HOST_NAME_BYTES - 1);
	start = PATH_BYTES_MAX - bytes;
	bpf_probe_read_kernel(&path->bytes[start], bytes, (void *)name->bytes + HOST_NAME_BYTES - bytes);
	return start;
}

static __always_inline __u32 place_socket(struct path_buffer *path, const struct socket_use *use)
{
	__u32 end = use->name ? place_name(path, use->name) : PATH_BYTES_MAX;
	char *key = &path->bytes[path_index(end - SOCKET_KEY_BYTES)];

	key[0] = KEY_NETWORK;
	write_byte(key, 1, use->family);
	key[3] = digit(use->type);
	write_byte(key, 4, use->protocol >> 8);
	write_byte(key, 6, use->protocol);
	key[8] = digit(use->end.direction);
	write_byte(key, 9, use->end.port >> 8);
	write_byte(key, 11, use->end.port);
	key[13] = digit(use->end.kind);
	for (int i = 0; i < 16; i++)
		write_byte(key, 14 + 2 * i, use->end.address[i]);
	return end - SOCKET_KEY_BYTES;
}

/* Twin: PRESET_KEYS in src/image/kinds/presets.ts. */
enum preset_detail {
	PRESET_ANONYMOUS_MAPPING = 0,
	PRESET_FILELESS = 1,
	PRESET_PROCESS_ENTRY = 2,
	PRESET_SESSION = 3,
	PRESET_HARDENED = 4,
	PRESET_DRIFT = 5,
};

/* Where a system call is checked. Twin: CALL_POINTS in src/policy/system-calls.ts. */
enum call_point {
	POINT_ENTRY = 0,
	POINT_OPEN = 1,
	POINT_EXECUTE = 2,
	POINT_TRUNCATE = 3,
	POINT_DELETE = 4,
	POINT_CREATE = 5,
	POINT_LINK = 6,
	POINT_RENAME = 7,
	POINT_ATTRIBUTES = 8,
	POINT_MOUNT = 9,
};

/* Parts of a call's number. */
enum call_numbering {
	/* More than any architecture has. */
	CALLS_MAX = 0x1000,
	/* Set where a 32-bit program makes the call: its numbers are others. */
	CALL_32_BIT = 0x8000,
};

#endif
