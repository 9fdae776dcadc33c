/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to an address past the one that is decided about: a route that the sender
 * chooses, and more addresses than one. Refused where addresses are.
 */
#ifndef HAUBERK_ROUTE_HOOKS_H
#define HAUBERK_ROUTE_HOOKS_H

#include "ancillary.h"
#include "network_hooks.h"
#include "several_messages.h"

/* include/uapi/linux/sctp.h; higher values came in a packet, and were not set by a program. */
#define SCTP_SET_PEER_PRIMARY_ADDR 5
#define SCTP_PRIMARY_ADDR 6
#define SCTP_SOCKOPT_BINDX_ADD 100
#define SCTP_PARAMETERS 0xc000
/* More are refused. */
#define SCTP_ADDRESSES_MAX 8
#define SOCKADDR_IN_BYTES 16
#define SOCKADDR_IN6_BYTES 28

static __always_inline bool refuses_addresses(struct membership *membership)
{
	return is_under_network_policy(membership) && (membership->flags & IMAGE_REFUSES_ENDPOINTS);
}

static __always_inline int refuse_route(struct membership *membership, struct socket_use *use, __u32 operation)
{
	struct access access = { .subject = SUBJECT_NETWORK, .operation = operation, .wanted = ACCESS_USE };
	struct scratch *scratch = scratch_take();
	int answer;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, &access);
	scratch->question.match.offset = place_socket(&scratch->path, use);
	answer = refuse_unresolved(scratch, PATH_ROUTED);
	scratch_return(scratch);
	return answer;
}

SEC("lsm/socket_setsockopt")
int BPF_PROG(hauberk_socket_setsockopt, struct socket *socket, int level, int option)
{
	struct membership membership = {};
	struct socket_use use = {};

	if (!(level == SOL_IP && option == IP_OPTIONS) &&
	    !(level == SOL_IPV6 && (option == IPV6_RTHDR || option == IPV6_2292PKTOPTIONS)))
		return 0;
	if (!refuses_addresses(&membership))
		return 0;
	read_kind(&use, socket);
	return is_internet(use.family) ? refuse_route(&membership, &use, OPERATION_CONNECT) : 0;
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(hauberk_ancillary, struct socket *socket, struct msghdr *message, int size)
{
	struct ancillary ancillary = {};
	struct membership membership = {};
	struct socket_use use = {};

	if (!refuses_addresses(&membership))
		return 0;
	read_kind(&use, socket);
	if (!is_internet(use.family))
		return 0;
	read_ancillary(&ancillary, message);
	if (!ancillary.leads_elsewhere && is_one_of_several(membership.task, message))
		ancillary.leads_elsewhere = others_lead_elsewhere(membership.task);
	return ancillary.leads_elsewhere ? refuse_route(&membership, &use, OPERATION_SEND) : 0;
}

static __always_inline void read_sctp(struct socket_use *use, __u64 socket)
{
	struct sock *sk = (void *)socket;

	use->family = family_of(sk);
	use->type = BPF_CORE_READ(sk, sk_type);
	use->protocol = BPF_CORE_READ(sk, sk_protocol);
}

/*
 * Decides about one of several addresses. The verifier goes through a function of plain numbers once, not once for each
 * address, so it finds for itself who acts.
 */
__noinline int decide_further_address(__u64 at, __u64 socket, __u32 operation)
{
	void *address = (void *)at;
	struct membership membership = {};
	struct socket_use use = {};
	__u16 family = 0;

	if (!is_under_network_policy(&membership))
		return 0;
	read_sctp(&use, socket);
	bpf_probe_read_kernel(&family, sizeof(family), address);
	if (operation == OPERATION_BIND) {
		use.end.port = port_of(address);
		use.end.direction = use.end.port ? DIRECTION_INGRESS : DIRECTION_NONE;
	} else {
		read_address(&use.end, address, family);
	}
	return decide_socket(&membership, operation, &use);
}

/* Refuses addresses because there are too many. */
__noinline int refuse_further_addresses(__u64 socket, __u32 operation)
{
	struct membership membership = {};
	struct socket_use use = {};

	if (!is_under_network_policy(&membership))
		return 0;
	read_sctp(&use, socket);
	return refuse_route(&membership, &use, operation);
}

/* The addresses of sctp_bindx(3) and sctp_connectx(3), one behind the other. */
SEC("lsm/sctp_bind_connect")
int BPF_PROG(hauberk_sctp_bind_connect, struct sock *sk, int option, struct sockaddr *address, int length)
{
	__u64 at = address_of(address), socket = address_of(sk);
	__u32 operation = OPERATION_CONNECT;
	int left = length;

	if (option >= SCTP_PARAMETERS)
		return 0;
	if (option == SCTP_SOCKOPT_BINDX_ADD || option == SCTP_PRIMARY_ADDR || option == SCTP_SET_PEER_PRIMARY_ADDR)
		operation = OPERATION_BIND;
	for (int i = 0; i < SCTP_ADDRESSES_MAX && left > 0; i++) {
		__u16 family = 0;
		int bytes;

		if (decide_further_address(at, socket, operation))
			return -EACCES;
		bpf_probe_read_kernel(&family, sizeof(family), (void *)at);
		bytes = family == AF_INET6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES;
		at += bytes;
		left -= bytes;
	}
	return left > 0 && refuse_further_addresses(socket, operation) ? -EACCES : 0;
}

#endif
