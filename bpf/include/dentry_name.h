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

/* Where in a dentry short names lie. */
static __always_inline __u32 offset_within(void)
{
	if (bpf_core_field_exists(((struct dentry *)0)->d_iname))
		return bpf_core_field_offset(struct dentry, d_iname);
	return bpf_core_field_offset(struct dentry___short, d_shortname);
}

/* Whether members of the kernel's structure follow each other as those of ours. */
static __always_inline bool has_known_order(void)
{
	__u32 parent = bpf_core_field_offset(struct dentry, d_parent);

	return bpf_core_field_offset(struct dentry, d_name) == parent + offsetof(struct dentry_name, hash) &&
	       offset_within() == parent + offsetof(struct dentry_name, within);
}

static __always_inline void read_dentry_name(struct dentry_name *name, __u64 address, bool direct)
{
	struct dentry *dentry = (void *)address;

	if (direct) {
		dentry = DIRECT(dentry, address);
		name->parent = (__u64)dentry->d_parent;
		name->length = dentry->d_name.len;
		name->text = (__u64)dentry->d_name.name;
		return;
	}
	/* In one read, for a helper's call takes longer than what it reads. */
	if (has_known_order()) {
		bpf_core_read(name, sizeof(*name), &dentry->d_parent);
		return;
	}
	name->parent = (__u64)BPF_CORE_READ(dentry, d_parent);
	bpf_core_read(&name->hash, sizeof(struct qstr), &dentry->d_name);
}

/* Whether the name was read together with where it is. */
static __always_inline bool is_within(const struct dentry_name *name, __u64 dentry)
{
	return has_known_order() && name->text == dentry + offset_within();
}

/* Copies 16 bytes of the kernel's memory to an offset of a path. */
static __always_inline void copy_pair(struct path_buffer *path, __u64 from, __u64 offset)
{
	__u64 *to = (void *)&path->bytes[path_index(offset)];
	struct timespec64 *pair = DIRECT(timespec64, from);

	to[0] = pair->tv_sec;
	to[1] = pair->tv_nsec;
}

/* Copies all bytes that end with a short name which was read with its dentry. */
static __always_inline void copy_within(struct path_buffer *path, const struct dentry_name *name, __u32 length,
					__u64 offset)
{
	const __u64 *from = (void *)&name->within[length] - SHORT_NAME_BYTES_MAX;
	__u64 *to = (void *)&path->bytes[path_index(offset + length - SHORT_NAME_BYTES_MAX)];

	for (int i = 0; i < SHORT_NAME_BYTES_MAX / sizeof(__u64); i++)
		to[i] = from[i];
}

/*
 * Copies a name to its place in a path; a short one in whole words up to its
 * end. What comes along from before it is of the same dentry, and is written
 * over by the next name, or stands before the path.
 */
static __always_inline void copy_name(struct path_buffer *path, const struct dentry_name *name, __u64 dentry,
				      __u32 offset, bool direct)
{
	__u32 length = name->length;
	bool is_short = length <= SHORT_NAME_BYTES_MAX && offset >= SHORT_NAME_BYTES_MAX;

	if (direct && is_short) {
		if (length > PAIR_BYTES)
			copy_pair(path, name->text + length - 2 * PAIR_BYTES, offset + length - 2 * PAIR_BYTES);
		copy_pair(path, name->text + length - PAIR_BYTES, offset + length - PAIR_BYTES);
	} else if (is_short && is_within(name, dentry)) {
		copy_within(path, name, length, offset);
	} else {
		bpf_probe_read_kernel(&path->bytes[path_index(offset)], length & (NAME_BYTES_MAX - 1),
				      (void *)name->text);
	}
}

#endif
