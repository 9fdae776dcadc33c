/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_MAPS_H
#define HAUBERK_MAPS_H

#include "automaton.h"
#include "event.h"
#include "kernel.h"

#define CONTAINERS_MAX 65536
#define EVENTS_BYTES (8 * 1024 * 1024)

struct container_key {
	__u32 pid_namespace;
	__u32 mount_namespace;
};

struct image {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct image_page));
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
};

/* Which image decides for which container. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(key_size, sizeof(struct container_key));
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct image);
} containers SEC(".maps");

enum task_flag {
	/* The task has run a program inside the container; before that it is the runtime that sets it up. */
	TASK_MEMBER = 1 << 0,
};

/* What is kept with a task and inherited at fork. */
struct task_context {
	struct container_key container;
	__u32 flags;
	/* The class of the running program, in the image of this generation. */
	__u32 generation;
	__u32 program_class;
	/* The same for a program about to run; taken over once the exec can no longer fail. */
	__u32 next_generation;
	__u32 next_program_class;
	/* Which file was run: the path of another is not believed. */
	__u32 device;
	__u64 inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, int);
	__type(value, struct task_context);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

/* Twin: src/kernel/counters.ts. */
enum counter {
	COUNTER_PROCESS_ALLOW = 0,
	COUNTER_PROCESS_AUDIT = 1,
	COUNTER_PROCESS_BLOCK = 2,
	COUNTER_FILE_ALLOW = 3,
	COUNTER_FILE_AUDIT = 4,
	COUNTER_FILE_BLOCK = 5,
	COUNTER_NETWORK_ALLOW = 6,
	COUNTER_NETWORK_AUDIT = 7,
	COUNTER_NETWORK_BLOCK = 8,
	COUNTER_CAPABILITIES_ALLOW = 9,
	COUNTER_CAPABILITIES_AUDIT = 10,
	COUNTER_CAPABILITIES_BLOCK = 11,
	/* Refused without a rule, by cause: COUNTER_REFUSED + enum path_result. */
	COUNTER_REFUSED = 12,
	COUNTER_EVENT_RING_FULL = 17,
	COUNTER_EVENT_HELD_BACK = 18,
	COUNTER_EVENT_SPECULATIVE = 19,
	COUNTER_TASK_STORAGE_FAILED = 20,
	COUNTERS = 21,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		__sync_fetch_and_add(value, 1);
}

#define EVENT_PATHS_BYTES (3 * PATH_BYTES_MAX)

/* Working memory of one decision. */
struct scratch {
	__u32 taken;
	struct path_buffer path;
	struct event_record record;
	char paths[EVENT_PATHS_BYTES + PATH_BYTES_MAX];
};

/* Several a processor: where the kernel is preemptible, one decision may interrupt another. */
#define SCRATCH_SLOTS 4

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_take(void)
{
	for (int i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 slot = i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

		if (scratch && __sync_val_compare_and_swap(&scratch->taken, 0, 1) == 0)
			return scratch;
	}
	return NULL;
}

static __always_inline void scratch_return(struct scratch *scratch)
{
	__sync_lock_test_and_set(&scratch->taken, 0);
}

#endif
