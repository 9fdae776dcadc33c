/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Token buckets per container, so that one that floods the ring with events
 * does not take it from the others. Kept as the time at which the bucket will
 * be full again (the generic cell rate algorithm, ITU-T I.371), so that one
 * compare-and-exchange takes a token.
 */
#ifndef HAUBERK_TOKEN_BUCKET_H
#define HAUBERK_TOKEN_BUCKET_H

#include "event.h"
#include "maps.h"

struct token_bucket {
	__u64 full_at_ns;		/* CLOCK_MONOTONIC */
	__u64 denials_full_at_ns;	/* of what is refused: no flood of the rest takes their place */
	__u64 suppressed;		/* events of both, since the bucket was made */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, struct token_bucket);
} token_buckets SEC(".maps");

/*
 * One event of each of these kinds is reported even when the bucket is empty, so that a flood by one rule or program
 * hides no other. As anybody can make any number of programs, this many kinds are reported per container under one
 * image.
 */
#define FIRST_DENIALS_MAX 128
#define DENIAL_KINDS_MAX 16384

struct denial_kind {
	struct container_key container;
	__u64 program;		/* its inode's number */
	__u32 device;
	__u32 image_id;
	__u32 rule;
	__u32 cause;		/* of what no rule refused: enum path_result; and the class */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DENIAL_KINDS_MAX);
	__type(key, struct denial_kind);
	__type(value, __u8);
} denial_kinds SEC(".maps");

struct first_denials {
	__u32 image_id;
	__u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__type(key, struct container_key);
	__type(value, struct first_denials);
} first_denials SEC(".maps");

/* Whether a denial of a new kind may still be reported for a container. */
static __always_inline bool has_room_for_kind(const struct denial_kind *kind)
{
	struct first_denials *denials = bpf_map_lookup_elem(&first_denials, &kind->container);
	struct first_denials first = { .image_id = kind->image_id, .count = 1 };

	if (denials && denials->image_id == kind->image_id)
		return denials->count < FIRST_DENIALS_MAX && __sync_fetch_and_add(&denials->count, 1) < FIRST_DENIALS_MAX;
	bpf_map_update_elem(&first_denials, &kind->container, &first, BPF_ANY);
	return true;
}

static __always_inline bool is_first_denial(const struct denial_kind *kind)
{
	__u8 yes = 1;

	return !bpf_map_lookup_elem(&denial_kinds, kind) && has_room_for_kind(kind) &&
	       !bpf_map_update_elem(&denial_kinds, kind, &yes, BPF_NOEXIST);
}

#define TOKEN_ATTEMPTS 8

/* False when the event has to be suppressed. `denial`: of what is refused. */
static __noinline bool take_token(struct container_key *container, __u64 now, const struct denial_kind *denial,
				  __u16 *flags)
{
	struct token_bucket empty = {};
	struct token_bucket *bucket;
	struct settings *limits;
	__u64 *place;
	__u32 zero = 0;

	limits = bpf_map_lookup_elem(&settings, &zero);
	if (!limits || !limits->event_interval_ns)
		return true;
	bucket = bpf_map_lookup_elem(&token_buckets, container);
	if (!bucket) {
		bpf_map_update_elem(&token_buckets, container, &empty, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&token_buckets, container);
	}
	if (!bucket)
		return true;
	place = denial ? &bucket->denials_full_at_ns : &bucket->full_at_ns;
	for (int i = 0; i < TOKEN_ATTEMPTS; i++) {
		__u64 full_at = *place;
		__u64 next = (full_at > now ? full_at : now) + limits->event_interval_ns;

		if (next > now + limits->event_burst_ns)
			break;
		if (__sync_val_compare_and_swap(place, full_at, next) != full_at)
			continue;
		if (next + limits->event_interval_ns > now + limits->event_burst_ns)
			*flags |= EVENT_LAST_TOKEN;
		return true;
	}
	if (denial && is_first_denial(denial))
		return true;
	__sync_fetch_and_add(&bucket->suppressed, 1);
	return false;
}

#endif
