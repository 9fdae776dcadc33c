/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon itself: its process, and the sockets that it listens on. */
#ifndef HAUBERK_SELF_DAEMON_HOOKS_H
#define HAUBERK_SELF_DAEMON_HOOKS_H

#include "self_protection.h"
#include "trace_hooks.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock___peer {
	struct pid *sk_peer_pid;
};

#pragma clang attribute pop

#define ANCESTORS_MAX 4

/*
 * Whether the current task manages the daemon: it is one of the processes that have started it, or was started by one,
 * as a shim starts runc to stop a container. Process 1 adopts every process whose parent has ended.
 */
static __always_inline bool manages(struct owner *owner, struct task_struct *task)
{
	struct task_struct *ancestor = (void *)owner->leader;
	int parent = BPF_CORE_READ(task, real_parent, tgid);

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		int process;

		ancestor = BPF_CORE_READ(ancestor, real_parent);
		process = BPF_CORE_READ(ancestor, tgid);
		if (process == task->tgid || (process == parent && process > 1))
			return true;
		if (process <= 1)
			return false;
	}
	return false;
}

/* Whether the current task may not do to another what it is about to. */
static __always_inline bool is_protected(struct task_struct *target, struct membership *membership, bool may_manage)
{
	struct owner *owner = find_owner();

	if (!owner || !is_of_owner(owner, target) || !is_outsider(owner, membership))
		return false;
	return !(may_manage && membership->host && manages(owner, membership->task));
}

static __always_inline int protect_daemon(struct task_struct *target, __u32 operation, bool may_manage, bool unreported)
{
	struct own_object object = { .rule_class = CLASS_PTRACE, .operation = operation, .unreported = unreported };
	struct membership membership = {};
	struct file *program;

	if (!is_protected(target, &membership, may_manage))
		return 0;
	program = BPF_CORE_READ(target, mm, exe_file);
	if (program) {
		object.dentry = BPF_CORE_READ(program, f_path.dentry);
		object.mnt = BPF_CORE_READ(program, f_path.mnt);
	}
	return refuse_outsider(&membership, &object);
}

SEC("lsm/task_kill")
int BPF_PROG(hauberk_self_signals, struct task_struct *target, void *info, int signal)
{
	/* Signal 0 asks whether it lives. */
	return signal ? protect_daemon(target, OPERATION_SIGNAL, true, false) : 0;
}

/* ptrace(2), process_vm_writev(2), pidfd_getfd(2), setns(2) to it, and most of its directory in /proc. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(hauberk_self_tracers, struct task_struct *target, unsigned int mode)
{
	return protect_daemon(target, OPERATION_TRACE, false, mode & PTRACE_MODE_NOAUDIT);
}

/* Exceeding a limit ends a process. */
SEC("lsm/task_setrlimit")
int BPF_PROG(hauberk_self_limits, struct task_struct *target)
{
	return protect_daemon(target, OPERATION_LIMIT, true, false);
}

static const char socket_name[] = "socket of hauberkd";

/*
 * The host reaches the API under a policy too: who connects is asked there. So
 * does the daemon's own container, whose health check it may be.
 */
SEC("lsm/unix_stream_connect")
int BPF_PROG(hauberk_self_sockets, struct sock *socket, struct sock *other)
{
	struct own_object object = {
		.name = socket_name, .rule_class = CLASS_NETWORK, .operation = OPERATION_CONNECT,
	};
	struct sock___peer *listener = (void *)other;
	struct owner *owner = find_owner();
	struct membership membership = {};
	struct pid *process;

	if (!owner || !owner->process)
		return 0;
	/* Of a socket that listens: the process that made it do so. */
	process = BPF_CORE_READ(listener, sk_peer_pid);
	if (!process || BPF_CORE_READ(active_upid(process, 0), nr) != owner->process || !owner_lives(owner))
		return 0;
	if (!is_outsider(owner, &membership) || membership.host || is_in_owners_container(owner, &membership))
		return 0;
	return refuse_outsider(&membership, &object);
}

#endif
