/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device nodes, and files with several hard links, that rules name. What is
 * opened or made of their number by another name is decided by the stronger of
 * both names' decisions.
 */
#ifndef HAUBERK_NODES_H
#define HAUBERK_NODES_H

#include "report.h"
#include "task.h"

#define NODES_MAX 65536
/* A power of two; the daemon leaves out what is longer. */
#define NODE_PATH_BYTES 256
/* At most this many names of one number are checked. */
#define NODE_NAMES_MAX 4

/* Written by the daemon: src/kernel/device-nodes.ts is the twin. */
struct node_key {
	struct container_key container;
	__u32 device;			/* as the kernel numbers it; of a file, that of its filesystem */
	__u16 type;			/* S_IFCHR, S_IFBLK or S_IFREG */
	__u16 number;			/* of several names, from 0 on */
	__u64 inode;			/* of a file */
};

struct node_path {
	__u32 bytes;
	char path[NODE_PATH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NODES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct node_key);
	__type(value, struct node_path);
} nodes SEC(".maps");

static __always_inline bool is_node(__u32 mode)
{
	return (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK;
}

/* Writes the next name of the node that is decided about into the buffer; false where there is none. */
__noinline int place_node(struct scratch *scratch)
{
	struct node_key key = {};
	struct node_path *found;
	__u32 bytes, start;

	if (!scratch)
		return false;
	key.container = scratch->question.container;
	key.device = scratch->node.device;
	key.type = scratch->node.type;
	key.inode = scratch->node.inode;
	key.number = scratch->node.number++;
	found = bpf_map_lookup_elem(&nodes, &key);
	if (!found)
		return false;
	bytes = found->bytes & (NODE_PATH_BYTES - 1);
	start = PATH_BYTES_MAX - bytes;
	if (bpf_probe_read_kernel(&scratch->path.bytes[start], bytes, found->path))
		return false;
	scratch->question.match.offset = start;
	return true;
}

#endif
