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

#define TOKEN_ATTEMPTS 8

/* False when the event has to be suppressed. */
static __noinline bool take_token(struct container_key *container, __u64 now, bool denied, __u16 *flags)
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
	place = denied ? &bucket->denials_full_at_ns : &bucket->full_at_ns;
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
	__sync_fetch_and_add(&bucket->suppressed, 1);
	return false;
}

#endif
