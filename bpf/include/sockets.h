/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is at the other end of a socket. */
#ifndef HAUBERK_SOCKETS_H
#define HAUBERK_SOCKETS_H

#include "kernel.h"
#include "maps.h"
#include "object_key.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_SMC 43
#define SOCK_STREAM 1
#define TCP_LISTEN 10
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

struct sockaddr_internet {
	__u16 family;
	__u16 port;		/* network byte order */
	union {
		__u8 ipv4[4];
		struct {
			__u32 flow_information;
			__u8 ipv6[16];
		};
	};
};

static __always_inline __u16 from_network(__u16 value)
{
	return __builtin_bswap16(value);
}

static __always_inline __u16 family_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family);
}

/*
 * Whether a socket is one end of socketpair(2): neither it nor the other has an
 * address. Of any other connection one end has been bound.
 */
static __always_inline bool is_of_pair(struct sock *sk)
{
	struct unix_sock *own = (void *)sk, *other;

	if (!sk || family_of(sk) != AF_UNIX || !bpf_core_type_exists(struct unix_sock))
		return false;
	if (BPF_CORE_READ(own, addr))
		return false;
	other = (void *)BPF_CORE_READ(own, peer);
	return other && !BPF_CORE_READ(other, addr);
}

/* SMC takes the internet's addresses. */
static __always_inline bool is_internet(__u16 family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_SMC;
}

static __always_inline __u16 port_of(const void *address)
{
	struct sockaddr_internet internet = {};

	bpf_probe_read_kernel(&internet, 4, address);
	return from_network(internet.port);
}

/* The kernel takes the unspecified address of a destination for this host. */
static __always_inline void set_ipv4(struct endpoint *end, const __u8 *address)
{
	end->kind = ADDRESS_IPV4;
	__builtin_memcpy(end->address, address, 4);
	if (!(address[0] | address[1] | address[2] | address[3])) {
		end->address[0] = 127;
		end->address[3] = 1;
	}
}

static __always_inline bool is_zero(const __u8 *address, int from, int to)
{
	__u8 sum = 0;

	for (int i = from; i < to; i++)
		sum |= address[i];
	return !sum;
}

/* An IPv4-mapped address counts as the IPv4 address it stands for. */
static __always_inline void set_ipv6(struct endpoint *end, const __u8 *address)
{
	if (is_zero(address, 0, 10) && address[10] == 0xff && address[11] == 0xff) {
		set_ipv4(end, address + 12);
		return;
	}
	end->kind = ADDRESS_IPV6;
	__builtin_memcpy(end->address, address, 16);
	if (is_zero(address, 0, 16))
		end->address[15] = 1;
}

/* Reads the kernel's copy of an address a program names as its destination. */
static __always_inline void read_address(struct endpoint *end, const void *address, __u16 family)
{
	struct sockaddr_internet internet = {};

	if (family != AF_INET && family != AF_INET6)
		return;
	bpf_probe_read_kernel(&internet, sizeof(internet), address);
	end->direction = DIRECTION_EGRESS;
	end->port = from_network(internet.port);
	if (family == AF_INET)
		set_ipv4(end, internet.ipv4);
	else
		set_ipv6(end, internet.ipv6);
}

/* The address a packet came from. `head` is where the packet's buffer begins. */
static __always_inline void read_sender(struct endpoint *end, struct sk_buff *packet, __u64 head)
{
	__u64 network = head + BPF_CORE_READ(packet, network_header);
	__u16 protocol = from_network(BPF_CORE_READ(packet, protocol));
	__u8 address[16] = {};

	if (protocol == ETHERTYPE_IPV4) {
		bpf_probe_read_kernel(address, 4, (void *)network + 12);
		set_ipv4(end, address);
	} else if (protocol == ETHERTYPE_IPV6) {
		bpf_probe_read_kernel(address, 16, (void *)network + 8);
		set_ipv6(end, address);
	}
}

/* Sockets that came from accept(2): their peer came in, it was not called. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, int);
	__type(value, __u8);
} accepted SEC(".maps");

static __always_inline void mark_accepted(struct sock *sk)
{
	if (is_internet(sk->__sk_common.skc_family))
		bpf_sk_storage_get(&accepted, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
}

/* The other end of a socket that has one; end stays empty for others. */
static __always_inline void read_peer(struct endpoint *end, struct sock *sk)
{
	__u8 address[16] = {};
	__u16 port;

	if (!sk)
		return;
	port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	if (family_of(sk) == AF_INET6) {
		BPF_CORE_READ_INTO(&address, sk, __sk_common.skc_v6_daddr);
		if (!port && is_zero(address, 0, 16))
			return;
		set_ipv6(end, address);
	} else if (family_of(sk) == AF_INET) {
		__u32 ipv4 = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		if (!port && !ipv4)
			return;
		__builtin_memcpy(address, &ipv4, sizeof(ipv4));
		set_ipv4(end, address);
	} else {
		return;
	}
	if (bpf_sk_storage_get(&accepted, sk, 0, 0)) {
		end->direction = DIRECTION_INGRESS;
		end->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	} else {
		end->direction = DIRECTION_EGRESS;
		end->port = from_network(port);
	}
}

/*
 * The address a message itself names. A connected stream ignores it, one that is not connected yet connects to it (TCP
 * Fast Open).
 */
static __always_inline bool read_destination(struct endpoint *end, struct socket *socket, struct msghdr *message)
{
	void *address = BPF_CORE_READ(message, msg_name);
	struct sock *sk = socket->sk;
	__u16 family = 0;

	if (!address || !sk)
		return false;
	if (BPF_CORE_READ(socket, type) == SOCK_STREAM && BPF_CORE_READ(sk, __sk_common.skc_dport))
		return false;
	bpf_probe_read_kernel(&family, sizeof(family), address);
	/* udp(7) on IPv4 takes AF_UNSPEC for AF_INET; on IPv6 it stands for no address. */
	if (family == AF_UNSPEC && family_of(sk) == AF_INET)
		family = AF_INET;
	read_address(end, address, family);
	return end->direction != DIRECTION_NONE;
}

/* Where a message goes; true where that is the socket's peer. A function of its own, for the sake of the stack. */
static __noinline bool read_other_end(struct endpoint *end, struct socket *socket, struct msghdr *message)
{
	if (read_destination(end, socket, message))
		return false;
	read_peer(end, socket->sk);
	return true;
}

static __noinline int read_own_peer(struct endpoint *end, struct socket *socket)
{
	read_peer(end, socket->sk);
	return 0;
}

#endif
