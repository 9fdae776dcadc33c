/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets. Whatever they were opened by, before the policy or after, they are
 * asked about each time they are used.
 */
#ifndef HAUBERK_NETWORK_HOOKS_H
#define HAUBERK_NETWORK_HOOKS_H

#include "decide.h"
#include "sockets.h"

static __always_inline bool is_under_network_policy(struct membership *found)
{
	return find_membership(found) && found->member && (found->flags & IMAGE_DECIDES_NETWORK);
}

static __always_inline int decide_socket(struct membership *found, __u32 operation, __u32 family, __u32 type,
					 __u32 protocol, const struct endpoint *end)
{
	struct word word = {};
	struct access access = { .word = &word, .operation = operation, .wanted = ACCESS_COMMUNICATE };

	write_socket(&word, family, type, protocol, end);
	return decide(found, &access);
}

static __always_inline int decide_use(struct membership *found, __u32 operation, struct socket *socket,
				      const struct endpoint *end)
{
	struct sock *sk = socket->sk;

	return decide_socket(found, operation, family_of(sk), BPF_CORE_READ(socket, type),
			     BPF_CORE_READ(sk, sk_protocol), end);
}

SEC("lsm/socket_create")
int BPF_PROG(hauberk_socket_create, int family, int type, int protocol, int kernel)
{
	struct membership found = {};
	struct endpoint end = {};

	if (kernel || !is_under_network_policy(&found))
		return 0;
	return decide_socket(&found, OPERATION_CREATE, family, type, protocol, &end);
}

SEC("lsm/socket_bind")
int BPF_PROG(hauberk_socket_bind, struct socket *socket, struct sockaddr *address, int length)
{
	struct membership found = {};
	struct endpoint end = {};

	if (!is_under_network_policy(&found))
		return 0;
	/* With port 0 the kernel chooses one, and what is then done with it is asked about. */
	if (is_internet(family_of(socket->sk)) && port_of(address))
		end.port = port_of(address), end.direction = DIRECTION_INGRESS;
	return decide_use(&found, OPERATION_BIND, socket, &end);
}

SEC("lsm/socket_connect")
int BPF_PROG(hauberk_socket_connect, struct socket *socket, struct sockaddr *address, int length)
{
	struct membership found = {};
	struct endpoint end = {};
	__u16 family = 0;

	if (!is_under_network_policy(&found))
		return 0;
	bpf_probe_read_kernel(&family, sizeof(family), address);
	/* Undoes an earlier connect. */
	if (family == AF_UNSPEC)
		return 0;
	if (is_internet(family_of(socket->sk)))
		read_address(&end, address, family);
	return decide_use(&found, OPERATION_CONNECT, socket, &end);
}

static __always_inline int decide_listening(__u32 operation, struct socket *socket)
{
	struct membership found = {};
	struct endpoint end = {};

	if (!is_under_network_policy(&found))
		return 0;
	if (is_internet(family_of(socket->sk))) {
		end.port = BPF_CORE_READ(socket->sk, __sk_common.skc_num);
		end.direction = DIRECTION_INGRESS;
	}
	return decide_use(&found, operation, socket, &end);
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
	struct membership found = {};
	struct endpoint end = {};

	if (!is_under_network_policy(&found))
		return 0;
	if (is_internet(family_of(socket->sk)) && !read_destination(&end, socket, message))
		read_peer(&end, socket->sk);
	return decide_use(&found, OPERATION_SEND, socket, &end);
}

SEC("lsm/socket_recvmsg")
int BPF_PROG(hauberk_socket_recvmsg, struct socket *socket, struct msghdr *message, int size, int flags)
{
	struct membership found = {};
	struct endpoint end = {};

	if (!is_under_network_policy(&found))
		return 0;
	if (is_internet(family_of(socket->sk)))
		read_peer(&end, socket->sk);
	return decide_use(&found, OPERATION_RECEIVE, socket, &end);
}

#endif
