/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_MAPS_H
#define HAUBERK_MAPS_H

#include "automaton.h"
#include "event.h"
#include "kernel.h"
#include "mounts.h"
#include "object_key.h"

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

/* What /proc counts start times in, on every architecture. */
#define CLOCK_TICK_NS 10000000

/*
 * When process 1 of a container's pid namespace started, in clock ticks: the
 * numbers of a namespace that has ended are given to another one, which must
 * not inherit what the daemon had no time to take away.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, __u64);
} container_starts SEC(".maps");

/*
 * The device of each container's root, where that is an overlay whose layers can be distinguished; 0 where it is not. Written
 * by the daemon: a container with privileges may mount other overlays, and change its root to one of them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, __u32);
} container_roots SEC(".maps");

/*
 * A container whose tasks are being confined, and its first process where
 * one was named. Written by the daemon: src/kernel/new-containers.ts is the twin.
 */
struct new_container {
	__u64 first_process_start;	/* in clock ticks, see container_starts */
	__u32 first_process;		/* as the host numbers it; 0 for none */
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, struct new_container);
} new_containers SEC(".maps");

enum task_flag {
	/* The task has run a program inside the container; before that it is the runtime that sets it up. */
	TASK_CONFINED = 1 << 0,
	/* The task is one of the host's own; its namespaces are looked at each time, for it may enter a container. */
	TASK_HOST = 1 << 1,
	/* Its program was started in a way by which its loader may load code of somebody else: see loader.h. */
	TASK_LOADS = 1 << 2,
	/* No Allow rule holds for its program as a source: looked for with the process's first thread too. */
	TASK_ALTERED = 1 << 3,
	/* Its parent is kept: see parent.h. */
	TASK_HAS_PARENT = 1 << 4,
	/* No Allow rule held for its parent. */
	TASK_PARENT_ALTERED = 1 << 5,
};

/* What is kept with a task and inherited at fork. */
struct task_context {
	struct container_key container;
	__u32 flags;
	/* The classes of the running program, see PROGRAM_CLASS_BITS, in the image of this id. */
	__u32 image_id;
	__u32 program_class;
	/* The same for a program about to run; taken over once the exec can no longer fail. */
	__u32 next_image_id;
	__u32 next_program_class;
	/* Which file was run: the path of another is not believed. */
	__u32 device;
	__u64 inode;
	/* The same three of its parent; no inode where it comes from outside. */
	__u64 parent_inode;
	__u32 parent_device;
	__u32 parent_image_id;
	__u32 parent_class;
	__u32 unused;
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

/* Containers that have mounted something since they came under policy, or had mounted a tree twice: see aliases.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, __u8);
} aliased SEC(".maps");

/* Written by the daemon: src/kernel/event-limit.ts is the twin. */
struct settings {
	__u64 event_interval_ns;	/* time for one token to come; 0 for no limit */
	__u64 event_burst_ns;		/* time for the bucket to fill */
	__u64 host_policy;		/* 1 while an image decides for the host's own processes */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

/* Twin: src/kernel/counters.ts. */
enum counter {
	/* Decisions: three times enum image_class, plus enum verdict_action. */
	COUNTER_DECISIONS = 0,
	/* Refused without a rule, by cause: COUNTER_REFUSED + enum path_result. */
	COUNTER_REFUSED = 3 * CLASSES,
	COUNTER_EVENT_RING_FULL = COUNTER_REFUSED + 8,
	COUNTER_EVENT_SUPPRESSED,
	COUNTER_EVENT_SPECULATIVE,
	/* Accesses that a profile has no room for. */
	COUNTER_ACCESS_UNRECORDED,
	COUNTER_EVENT_NO_BUFFER,
	COUNTER_TASK_STORAGE_FAILED,
	/* What it gave could not be learnt: see name_hooks.h. */
	COUNTER_ANSWER_UNREAD,
	/* An address that an answer gave was forgotten before its time, or found no room: see names.h. */
	COUNTER_NAME_FORGOTTEN,
	COUNTERS,
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

/* What the functions of a decision hand on: see decide.h. */
struct question {
	struct container_key container;
	__u32 image_id;	/* of the image that is asked */
	__u32 image_flags;
	__u32 rules;		/* of the image: what decides and has no lower number is a posture */
	__u32 wanted;		/* ACCESS_ bits */
	__u32 confined;		/* false for a runtime that has entered the container but not run a program in it */
	__u32 owner;
	__u32 host;		/* one of the host's own processes asks */
	bool unreported;	/* the last four as in struct access */
	bool by_rules;
	bool was_reported;
	bool by_child;
	__u32 place;		/* out: enum path_result, of the path or object key */
	__u32 verdict;		/* out */
	struct match match;
};

/* Names of filesystem types are shorter. */
#define KEY_NAME_BYTES_MAX 64

/* What stands before the path in an object key: see object_key_prefix.h. */
struct object_key_prefix {
	__u64 name;		/* address of a string, or 0 */
	__u16 number;		/* of a system call; four digits behind the detail */
	char first;		/* enum object_key */
	__u8 detail;
};

enum arguments_result {
	ARGUMENTS_ALLOWED = 0,
	/* Some are not among those a rule allows. */
	ARGUMENTS_OTHERS = 1,
	ARGUMENTS_UNREADABLE = 2,
};

/* Where the arguments of a program to be run are: see argument_hooks.h. */
struct arguments {
	__u64 tables;		/* page tables of its memory */
	__u64 address;		/* of the next one there */
	__u32 count;
	__u32 rule;		/* which says what they may be */
	__u32 result;		/* out: enum arguments_result */
};

/* What place_object makes the path or object key of: see struct access, which explains each member. */
struct object {
	__u64 dentry;
	__u64 mount;
	__u64 message;
	__u64 name;
	struct socket_use socket;
	__u16 number;
	__u8 detail;
	char key;
	bool is_socket;
};

/* At most this many questions in one message: those for both kinds of address, and the same below a search domain. */
#define QUESTIONS_AT_ONCE 4

/* What may hold a question for a name: see questions.h. */
struct sent_message {
	__u64 header;		/* address of the struct msghdr */
	__u16 is_stream;
	__u16 start;		/* of the question that is read, on a stream with the length before it */
	__u32 next;		/* out: where another begins, 0 where there is none */
	__u32 denied;		/* out */
	__u32 count;		/* out: how many questions were let through, and the mark of each */
	__u64 marks[QUESTIONS_AT_ONCE];
};

/*
 * How far the reading of a message has come. It stands here for the verifier's
 * sake: it forgets the numbers in it, and so goes through a step only once.
 */
struct message_walk {
	__u32 position;
	__u32 length;		/* of the message */
	/* Of the name of its question: */
	__u32 next;		/* where the next character goes */
	__u32 left;		/* characters still to come of this part */
	__u32 complete;
	/* Of an answer: */
	__u32 records;		/* still to come */
	__u32 time_to_live;	/* of the aliases so far: what they lead to lives no longer */
	__u32 unused;
	struct container_key container;
	__u64 now;
	__u64 mark;		/* of the question: equal where number, name and type are */
};

/* A name that an answer gave an address for. */
struct learnt_name {
	__u64 expires_ns;	/* CLOCK_BOOTTIME */
	__u64 container_start;	/* see container_starts */
	struct host_name name;
};

/* A directory's guard record: classes of what is refused and of what is decided below it, and what is said of a change. */
struct guard {
	__u32 refused;
	__u32 decided;
	__u32 refusal;
	__u32 report;
};

enum guard_name {
	GUARD_BEFORE = 0,
	GUARD_AFTER = 1,
	GUARD_NAMES = 2,
};

/* The other mounts that a file can be reached by: see aliases.h. */
struct aliases {
	__u64 dentry;
	__u64 mount;		/* by which it was reached */
	__u64 namespace;
	struct mount_list mounts;	/* of its filesystem */
	__u64 other_mount;	/* out: 0 where there is none any more */
};

/* A file with at most this many names in one namespace is decided by each of them. A power of two. */
#define NAMES_MAX 8

/* Whose mounts are looked at. A task in a mount namespace of its own has a copy of each of its container's. */
enum mounts_of {
	MOUNTS_OF_TASK,
	MOUNTS_OF_CONTAINER,
	/* One of anybody's, which is asked for where the others have none. */
	MOUNTS_OF_OTHERS,
};

/* The mounts by which a file can be reached: see mount_search.h. */
struct mount_search {
	__u64 dentry;		/* the file */
	__u64 namespace;	/* address of the one that the task is in */
	__u64 made;		/* the mount where it was made; 0 where that is not known */
	__u64 mounts[NAMES_MAX];	/* out */
	__u32 container;	/* number of the mount namespace that the container was registered by */
	__u32 whose;		/* enum mounts_of */
	__u32 found;		/* out: more than NAMES_MAX where not all were kept */
	__u32 layer;		/* out: the kernel has a mount of its own, as overlayfs has of its layers */
	__u32 name;		/* which of the mounts is decided by */
};

/* A device node or a file that is checked by its number: see nodes.h. */
struct node {
	__u64 inode;
	__u32 device;
	__u32 decided;		/* the verdict by the name that it is used by */
	__u16 type;
	__u16 number;		/* of the name that is looked at next */
};

/* A directory that is to have another name: see guard.h. */
struct renaming {
	__u64 dentries[GUARD_NAMES];
	__u64 mounts[GUARD_NAMES];
	__u32 name;		/* enum guard_name, which is read */
	/* Below an alias: a name that does not lie there is none. */
	__u32 below_alias;
	__u32 answer;		/* out: enum image_answer */
	/* The new name is one beside the old that no rule names. */
	__u32 beside;
	/* The names that other mounts give are compared as well. */
	__u32 by_aliases;
	__u32 denied;		/* out: by one of these */
	struct guard paths[GUARD_NAMES];
	/* By what is decided about object keys that hold the same paths. */
	struct guard keys[GUARD_NAMES];
};

/* An actor about which nothing is known any more. */
#define ACTOR_ENDED (~0ULL)

/* What is said of a program as a source: see SYMBOL_SOURCE. */
struct source {
	__u32 becoming;
	__u32 altered;
};

/* A process whose program is classified: the file that it runs, and what is kept with it. */
struct party {
	__u64 file;
	struct task_context cached;
	__u32 program_class;	/* out */
	__u32 altered;		/* whether no Allow rule holds for it */
};

/*
 * Working memory of one decision. The functions that take nothing else are
 * gone through by the verifier once, and not once a call.
 */
struct scratch {
	__u32 taken;
	__u64 actor;		/* address of the task that acts; 0 for the current one */
	struct question question;
	struct object object;
	struct object_key_prefix key;
	struct arguments arguments;
	struct sent_message sent;
	struct learnt_name learnt;
	struct message_walk walk;
	struct renaming renaming;
	struct aliases aliases;
	struct mount_search search;
	struct node node;
	struct source source;
	struct party party;
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
