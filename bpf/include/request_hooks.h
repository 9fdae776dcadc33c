/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that come in, decided about when they are asked for: what came in
 * by one can be read in ways that are not checked.
 */
#ifndef HAUBERK_REQUEST_HOOKS_H
#define HAUBERK_REQUEST_HOOKS_H

#include "listeners.h"
#include "network_hooks.h"

static __always_inline int decide_request(struct membership *membership, const struct listener *listener,
					  const struct socket_use *use)
{
	struct access access = {
		.subject = SUBJECT_NETWORK,
		.socket = use,
		.operation = OPERATION_ACCEPT,
		.wanted = ACCESS_USE,
		/* What is let through is reported, and learnt, when it is used. */
		.was_reported = true,
	};
	struct scratch *scratch = scratch_take();
	int answer = 0;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, &access);
	scratch->question.image_flags &= ~IMAGE_PROFILED;
	scratch->actor = listener_lives(listener) ? listener->task : ACTOR_ENDED;
	if (query_access(membership, scratch, &access, &answer))
		answer = finish_decision(scratch);
	scratch_return(scratch);
	return answer;
}

/* A connection that is refused gets no answer, as from a firewall that drops; with SYN cookies its last packet comes here. */
SEC("lsm/inet_conn_request")
int BPF_PROG(hauberk_inet_conn_request, struct sock *sk, struct sk_buff *packet)
{
	struct listener *listener = bpf_sk_storage_get(&listeners, sk, 0, 0);
	struct membership membership = {};
	struct socket_use use = {};

	if (!listener || !find_listener(&membership, listener) || !decides(&membership, CLASS_NETWORK))
		return 0;
	/* A program that has handed its socket on may be another than the one that rules name: asked about when it is used. */
	if ((membership.flags & IMAGE_HAS_SOURCES) && !listener_lives(listener))
		return 0;
	use.family = family_of(sk);
	use.type = BPF_CORE_READ(sk, sk_type);
	use.protocol = BPF_CORE_READ(sk, sk_protocol);
	read_sender(&use.end, packet, (__u64)BPF_CORE_READ(packet, head));
	use.end.direction = DIRECTION_INGRESS;
	use.end.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	return decide_request(&membership, listener, &use);
}

/*
 * The kernel listens by a socket of its own for MPTCP and SMC, made on behalf of the task that makes the program's
 * socket.
 */
SEC("lsm/socket_post_create")
int BPF_PROG(hauberk_socket_post_create, struct socket *socket, int family, int type, int protocol, int kernel)
{
	struct membership membership = {};

	if (kernel && type == SOCK_STREAM && find_membership(&membership) && membership.confined)
		note_listener(socket->sk, membership.task, &membership.container, membership.host);
	return 0;
}

#endif
