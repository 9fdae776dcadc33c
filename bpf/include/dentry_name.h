/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of directory entries, as the walk up a tree reads and copies them. */
#ifndef HAUBERK_DENTRY_NAME_H
#define HAUBERK_DENTRY_NAME_H

#include "automaton.h"
#include "direct.h"
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Two plain numbers, to read any two words by. */
#define PAIR_BYTES 16

struct timespec64 {
	long long tv_sec;
	long tv_nsec;
};

#pragma clang attribute pop

/* How often a dentry has got another name or parent, in the lowest bit whether it is getting one. */
static __always_inline __u32 name_sequence(__u64 dentry, bool direct)
{
	return READ_MEMBER(direct, dentry, dentry, d_seq.seqcount.sequence);
}

/* What a dentry is called, and where. */
struct dentry_name {
	__u64 parent;
	__u32 hash;
	__u32 length;
	__u64 name;
};

static __always_inline void read_dentry_name(struct dentry_name *found, __u64 address, bool direct)
{
	struct dentry *dentry = (void *)address;

	if (direct) {
		dentry = DIRECT(dentry, address);
		found->parent = (__u64)dentry->d_parent;
		found->length = dentry->d_name.len;
		found->name = (__u64)dentry->d_name.name;
		return;
	}
	/* One read of neighbours: a helper's call takes longer than what it reads. */
	if (bpf_core_field_offset(struct dentry, d_name) ==
	    bpf_core_field_offset(struct dentry, d_parent) + sizeof(found->parent)) {
		bpf_core_read(found, sizeof(*found), &dentry->d_parent);
		return;
	}
	found->parent = (__u64)BPF_CORE_READ(dentry, d_parent);
	bpf_core_read(&found->hash, sizeof(struct qstr), &dentry->d_name);
}

/* No name that lies outside its dentry is shorter than that. */
#define SHORT_NAME_BYTES_MAX 32

/* Copies 16 bytes of the kernel's memory to an offset of a path. */
static __always_inline void copy_pair(struct path_buffer *path, __u64 from, __u64 offset)
{
	__u64 *to = (void *)&path->bytes[path_index(offset)];
	struct timespec64 *pair = DIRECT(timespec64, from);

	to[0] = pair->tv_sec;
	to[1] = pair->tv_nsec;
}

/*
 * Copies a name to its place in a path; a short one in whole words up to its
 * end. What comes along from before it is of the same dentry, and is written
 * over by the next name, or stands before the path.
 */
static __always_inline void copy_name(struct path_buffer *path, __u64 name, __u32 length, __u32 offset, bool direct)
{
	if (direct && length <= SHORT_NAME_BYTES_MAX && offset >= SHORT_NAME_BYTES_MAX) {
		if (length > PAIR_BYTES)
			copy_pair(path, name + length - 2 * PAIR_BYTES, offset + length - 2 * PAIR_BYTES);
		copy_pair(path, name + length - PAIR_BYTES, offset + length - PAIR_BYTES);
		return;
	}
	bpf_probe_read_kernel(&path->bytes[path_index(offset)], length & (NAME_BYTES_MAX - 1), (void *)name);
}

#endif
