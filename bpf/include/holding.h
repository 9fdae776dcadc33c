/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes of a container hold although its rules refuse it. src/kernel/holdings.ts is the twin. */
#ifndef HAUBERK_HOLDING_H
#define HAUBERK_HOLDING_H

#include "maps.h"

#define HELD_FILES_MAX 65536

/* Containers whose processes are gone through: see holder_iterators.h. Written by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, __u8);
} searched SEC(".maps");

/* An open file that rules refuse which came later, in the container that holds it. */
struct held_key {
	struct container_key container;
	__u64 file;		/* address; 0 for every file of the container */
};

/* Written by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HELD_FILES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct held_key);
	__type(value, __u8);
} held SEC(".maps");

enum holding_kind {
	HOLDING_DESCRIPTOR = 0,
	HOLDING_MAPPING = 1,
	/* An io_uring ring: files may be registered with it that no table shows. */
	HOLDING_RING = 2,
};

struct holding {
	__u64 file;			/* address */
	__u32 pid_namespace;		/* the container's key */
	__u32 mount_namespace;
	__u32 image_id;		/* of the image that refuses */
	__u32 verdict;
	__u32 host_pid;
	__u32 kind;			/* enum holding_kind */
	__u32 object_bytes;		/* lengths of the two paths that follow, in this order */
	__u32 program_bytes;
};

#endif
