/* SPDX-License-Identifier: GPL-2.0-only */
/* Notes what a container does that is under a profile, or visible: each distinct access once, and how often it came. */
#ifndef HAUBERK_OBSERVE_H
#define HAUBERK_OBSERVE_H

#include "maps.h"
#include "report.h"

#define ACCESSES_MAX 131072

enum access_limit {
	/* In the place of an access: how many were new to the container, those that found no room among them. */
	ACCESS_NONE = 0,
	/* At most this many distinct accesses of a visible container are reported until hauberkd takes them out of the map. */
	VISIBLE_ACCESSES_MAX = 2048,
};

struct access_key {
	struct container_key container;
	__u64 access;		/* see access_id */
};

/* How often each access was made. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ACCESSES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct access_key);
	__type(value, __u64);
} accesses SEC(".maps");

struct key_hash {
	struct path_buffer *path;
	__u64 hash;
	__u32 offset;
};

/* The golden ratio's fraction, as in include/linux/hash.h. */
#define HASH_FACTOR 0x61c8864680b583ebULL
#define HASH_BYTES 8

static __always_inline __u64 hash_with(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

static long hash_step(__u32 index, struct key_hash *walk)
{
	__u64 bytes;

	if (walk->offset >= PATH_BYTES_MAX)
		return 1;
	bpf_probe_read_kernel(&bytes, sizeof(bytes), &walk->path->bytes[path_index(walk->offset)]);
	walk->hash = hash_with(walk->hash, bytes);
	walk->offset += HASH_BYTES;
	return 0;
}

/* A number for what is done, to what, by which program. 64 bits: no two of a container's accesses will meet. */
static __always_inline __u64 access_id(struct scratch *scratch, struct task_struct *task)
{
	struct file *program = BPF_CORE_READ(task, mm, exe_file);
	struct event_record *record = &scratch->record;
	__u32 offset = scratch->question.match.offset;
	struct key_hash walk = { .path = &scratch->path };
	__u64 first = 0;
	__u32 odd;

	if (offset >= PATH_BYTES_MAX)
		return 0;
	walk.hash = hash_with((__u64)record->wanted << 32 | record->operation << 24 | record->rule_class << 16 |
				      record->flags,
			      offset);
	walk.hash = hash_with(walk.hash, BPF_CORE_READ(program, f_inode, i_ino));
	/* One file may be several programs, by its names. */
	walk.hash = hash_with(walk.hash, (__u64)BPF_CORE_READ(program, f_inode, i_sb, s_dev) << 32 |
						 BPF_CORE_READ(program, f_path.dentry, d_name.hash));
	/* What is left of the path or object key is a whole number of steps. */
	odd = (PATH_BYTES_MAX - offset) & (HASH_BYTES - 1);
	bpf_probe_read_kernel(&first, odd, &scratch->path.bytes[path_index(offset)]);
	walk.hash = hash_with(walk.hash, first);
	walk.offset = offset + odd;
	bpf_loop(PATH_BYTES_MAX / HASH_BYTES + 1, hash_step, &walk, 0);
	return walk.hash;
}

/*
 * Whether one more new access of a container may be reported. A profile has to be complete; a container that is only
 * visible must not crowd others out of the map or the ring.
 */
static __always_inline bool has_room(struct access_key *key, __u32 image_flags)
{
	__u64 *taken, none = 0;

	if (image_flags & IMAGE_PROFILED)
		return true;
	key->access = ACCESS_NONE;
	taken = bpf_map_lookup_elem(&accesses, key);
	if (!taken) {
		bpf_map_update_elem(&accesses, key, &none, BPF_NOEXIST);
		taken = bpf_map_lookup_elem(&accesses, key);
	}
	return taken && __sync_fetch_and_add(taken, 1) < VISIBLE_ACCESSES_MAX;
}

/*
 * Counts an access that was let through; true if it is to be reported, as one
 * that is new is. Call it while the scratch buffer still holds the path or object key.
 */
__noinline int observe(struct scratch *scratch)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct question *question;
	struct access_key key;
	__u64 *known, access, once = 1;
	__u32 visible;
	bool reports;

	if (!scratch)
		return false;
	question = &scratch->question;
	reports = question->verdict >> VERDICT_ACTION_SHIFT != ACTION_ALLOW;
	visible = question->image_flags >> IMAGE_VISIBLE_SHIFT & IMAGE_VISIBLE_CLASSES;
	if (!(question->image_flags & IMAGE_PROFILED) && !(visible >> scratch->record.rule_class & 1))
		return reports && !question->was_reported;
	note_terminal(scratch, task);
	access = access_id(scratch, task);
	if (access == ACCESS_NONE)
		access++;
	key.container = question->container;
	key.access = access;
	known = bpf_map_lookup_elem(&accesses, &key);
	if (!known) {
		if (!has_room(&key, question->image_flags))
			return reports;
		key.access = access;
		if (!bpf_map_update_elem(&accesses, &key, &once, BPF_NOEXIST)) {
			scratch->record.access = access;
			scratch->record.flags |= EVENT_OBSERVED;
			return true;
		}
		known = bpf_map_lookup_elem(&accesses, &key);
	}
	if (known)
		__sync_fetch_and_add(known, 1);
	else
		count(COUNTER_ACCESS_UNRECORDED);
	return reports;
}

/* An access that could not be reported counts as not seen, so that it is reported the next time. */
__noinline int unobserve(struct scratch *scratch)
{
	struct access_key key;

	if (!scratch || !(scratch->record.flags & EVENT_OBSERVED))
		return 0;
	key.container = scratch->question.container;
	key.access = scratch->record.access;
	bpf_map_delete_elem(&accesses, &key);
	/* If nothing were reported at all, nobody would take it out. */
	key.access = ACCESS_NONE;
	bpf_map_delete_elem(&accesses, &key);
	return 0;
}

#endif
