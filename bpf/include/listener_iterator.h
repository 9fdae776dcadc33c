/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the sockets that processes of a container listen by when it becomes known. */
#ifndef HAUBERK_LISTENER_ITERATOR_H
#define HAUBERK_LISTENER_ITERATOR_H

#include "listeners.h"

SEC("iter/task_file")
int hauberk_mark_listeners(struct bpf_iter__task_file *iterator)
{
	struct task_struct *task = iterator->task;
	struct file *file = iterator->file;
	struct task_context *context;
	struct container_key key;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	context = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!context || !(context->flags & TASK_CONFINED))
		return 0;
	key = context->container;
	if (!bpf_map_lookup_elem(&new_containers, &key))
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		note_listener(sk, task, &key, false);
	return 0;
}

#endif
