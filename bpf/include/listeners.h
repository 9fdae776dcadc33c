/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose a listening socket is. A connection is requested by a packet, and
 * whatever task that interrupts has nothing to do with it: it is decided for
 * the program that last listened or accepted.
 */
#ifndef HAUBERK_LISTENERS_H
#define HAUBERK_LISTENERS_H

#include "names.h"
#include "sockets.h"
#include "task.h"

struct listener {
	struct container_key container;
	__u64 container_start;		/* see container_starts */
	__u64 task;			/* address of the program's first thread */
	__u64 start_boottime;
	__u32 process;			/* as the host numbers it */
	__u32 host;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

static __always_inline void note_listener(struct sock *sk, struct task_struct *task, struct container_key *container,
					  bool host)
{
	struct listener *listener;

	if (!sk || !is_internet(family_of(sk)))
		return;
	listener = bpf_sk_storage_get(&listeners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!listener)
		return;
	listener->container = *container;
	listener->container_start = start_of(container);
	listener->task = (__u64)task->group_leader;
	listener->start_boottime = BPF_CORE_READ(task, group_leader, start_boottime);
	listener->process = task->tgid;
	listener->host = host;
}

/*
 * Whether the program lives. The memory of one that has ended stays as it was for a while, apart from its mappings, and
 * may belong to another task by now, whose start time differs.
 */
static __always_inline bool listener_lives(const struct listener *listener)
{
	struct task_struct *task = (void *)listener->task;

	return task && BPF_CORE_READ(task, tgid) == listener->process &&
	       BPF_CORE_READ(task, start_boottime) == listener->start_boottime && BPF_CORE_READ(task, mm);
}

/* As find_membership, for the socket's owner. */
static __always_inline bool find_listener(struct membership *membership, const struct listener *listener)
{
	void *pages;

	membership->container = listener->container;
	membership->confined = true;
	membership->host = listener->host;
	if (start_of(&membership->container) != listener->container_start || (membership->host && !is_host_under_policy()))
		return false;
	pages = bpf_map_lookup_elem(&containers, &membership->container);
	return pages && read_image(membership, pages);
}

#endif
