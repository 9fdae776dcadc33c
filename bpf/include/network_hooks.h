/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets. Whatever they were opened by, before the policy or after, they are
 * asked about each time they are used.
 */
#ifndef HAUBERK_NETWORK_HOOKS_H
#define HAUBERK_NETWORK_HOOKS_H

#include "decide.h"
#include "listeners.h"
#include "names.h"
#include "sockets.h"
#include "system_calls.h"

#define PROTOCOL_TCP 6
/* include/uapi/linux/tcp.h */
#define TCP_ZEROCOPY_RECEIVE 35

static __always_inline bool is_under_network_policy(struct membership *membership)
{
	return find_membership(membership) && membership->confined && decides(membership, CLASS_NETWORK);
}

static __always_inline int decide_socket(struct membership *membership, __u32 operation, const struct socket_use *use)
{
	struct access access = {
		.subject = SUBJECT_NETWORK,
		.socket = use,
		.operation = operation,
		.wanted = ACCESS_USE,
	};

	return decide(membership, &access);
}

/* Finds the name for which an answer gave the other end's address. `peer` is the socket where that end is its peer. */
static __always_inline void find_name(struct membership *membership, struct socket_use *use, struct sock *peer)
{
	if (!(membership->flags & IMAGE_HAS_NAMES) || use->end.direction != DIRECTION_EGRESS)
		return;
	use->name = find_cached_name(peer, &use->end);
	if (!use->name)
		use->name = find_learnt(&membership->container, &use->end);
}

static __always_inline void read_kind(struct socket_use *use, struct socket *socket)
{
	use->family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
	use->type = BPF_CORE_READ(socket, type);
	use->protocol = BPF_CORE_READ(socket, sk, sk_protocol);
}

#if defined(__TARGET_ARCH_x86)
#define CALL_SOCKETPAIR 53
#define CALL_SOCKETPAIR_32_BIT (360 | CALL_32_BIT)
#else
#define CALL_SOCKETPAIR 199
#define CALL_SOCKETPAIR_32_BIT (288 | CALL_32_BIT)
#endif

/* Two sockets that are connected to each other only reach nobody else. */
static __always_inline bool makes_pair(struct membership *membership, int family)
{
	struct pt_regs *registers;
	__u32 number;

	if (family != AF_UNIX)
		return false;
	registers = (void *)bpf_task_pt_regs(membership->task);
	number = call_number(membership->task, current_number(registers));
	return number == CALL_SOCKETPAIR || number == CALL_SOCKETPAIR_32_BIT;
}

SEC("lsm/socket_create")
int BPF_PROG(hauberk_socket_create, int family, int type, int protocol, int kernel)
{
	struct membership membership = {};
	struct socket_use use = { .family = family, .type = type, .protocol = protocol };

	if (kernel || !is_under_network_policy(&membership) || makes_pair(&membership, family))
		return 0;
	return decide_socket(&membership, OPERATION_CREATE, &use);
}

SEC("lsm/socket_bind")
int BPF_PROG(hauberk_socket_bind, struct socket *socket, struct sockaddr *address, int length)
{
	struct membership membership = {};
	struct socket_use use = {};

	if (!is_under_network_policy(&membership))
		return 0;
	read_kind(&use, socket);
	/* With port 0 the kernel chooses one, and what is then done with it is decided. */
	if (is_internet(use.family) && port_of(address))
		use.end.port = port_of(address), use.end.direction = DIRECTION_INGRESS;
	return decide_socket(&membership, OPERATION_BIND, &use);
}

SEC("lsm/socket_connect")
int BPF_PROG(hauberk_socket_connect, struct socket *socket, struct sockaddr *address, int length)
{
	struct membership membership = {};
	struct socket_use use = {};
	__u16 family = 0;

	if (!is_under_network_policy(&membership))
		return 0;
	read_kind(&use, socket);
	bpf_probe_read_kernel(&family, sizeof(family), address);
	/* Undoes an earlier connect. */
	if (family == AF_UNSPEC)
		return 0;
	if (is_internet(use.family))
		read_address(&use.end, address, family);
	find_name(&membership, &use, NULL);
	if (decide_socket(&membership, OPERATION_CONNECT, &use))
		return -EACCES;
	store_name(socket->sk, &use);
	return 0;
}

static __always_inline int decide_listening(__u32 operation, struct socket *socket)
{
	struct membership membership = {};
	struct socket_use use = {};

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	/* Also without a rule on the network: one may be added later. */
	note_listener(socket->sk, membership.task, &membership.container, membership.host);
	if (!decides(&membership, CLASS_NETWORK))
		return 0;
	read_kind(&use, socket);
	if (is_internet(use.family)) {
		use.end.port = BPF_CORE_READ(socket, sk, __sk_common.skc_num);
		use.end.direction = DIRECTION_INGRESS;
	}
	return decide_socket(&membership, operation, &use);
}

SEC("lsm/socket_listen")
int BPF_PROG(hauberk_socket_listen, struct socket *socket, int backlog)
{
	return decide_listening(OPERATION_LISTEN, socket);
}

SEC("lsm/socket_accept")
int BPF_PROG(hauberk_socket_accept, struct socket *socket, struct socket *accepted)
{
	return decide_listening(OPERATION_ACCEPT, socket);
}

SEC("lsm/sock_graft")
int BPF_PROG(hauberk_sock_graft, struct sock *sk, struct socket *parent)
{
	mark_accepted(sk);
	return 0;
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(hauberk_socket_sendmsg, struct socket *socket, struct msghdr *message, int size)
{
	struct membership membership = {};
	struct socket_use use = {};
	struct sock *peer = NULL;

	if (!is_under_network_policy(&membership) || (is_of_pair(socket->sk) && !BPF_CORE_READ(message, msg_name)))
		return 0;
	read_kind(&use, socket);
	if (is_internet(use.family)) {
		if (read_other_end(&use.end, socket, message))
			peer = socket->sk;
		find_name(&membership, &use, peer);
	}
	if (decide_socket(&membership, OPERATION_SEND, &use))
		return -EACCES;
	/* A stream is open by now, or about to be. */
	if (use.type == SOCK_STREAM)
		store_name(socket->sk, &use);
	return 0;
}

static __always_inline int decide_receiving(struct socket *socket)
{
	struct membership membership = {};
	struct socket_use use = {};

	if (!is_under_network_policy(&membership) || is_of_pair(socket->sk))
		return 0;
	read_kind(&use, socket);
	if (is_internet(use.family)) {
		read_own_peer(&use.end, socket);
		find_name(&membership, &use, socket->sk);
	}
	return decide_socket(&membership, OPERATION_RECEIVE, &use);
}

SEC("lsm/socket_recvmsg")
int BPF_PROG(hauberk_socket_recvmsg, struct socket *socket, struct msghdr *message, int size, int flags)
{
	return decide_receiving(socket);
}

/* Maps what has come in into the program's memory. */
SEC("lsm/socket_getsockopt")
int BPF_PROG(hauberk_socket_getsockopt, struct socket *socket, int level, int option)
{
	return level == PROTOCOL_TCP && option == TCP_ZEROCOPY_RECEIVE ? decide_receiving(socket) : 0;
}

#endif
