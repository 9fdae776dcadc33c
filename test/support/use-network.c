// SPDX-License-Identifier: Apache-2.0
/* Ways to send what a rule on addresses or names refuses. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "uses.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
/* include/uapi/linux/in6.h */
#ifndef IPV6_2292RTHDR
#define IPV6_2292RTHDR 5
#endif
#ifndef IPV6_2292PKTOPTIONS
#define IPV6_2292PKTOPTIONS 6
#endif

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Loose source route: RFC 791, 3.1. By this host, for there may be no way to any other. */
static const unsigned char route[] = { 131, 7, 4, 127, 0, 0, 1, 0 };

struct msghdr *message_with_route(void)
{
	static union {
		char bytes[CMSG_SPACE(sizeof(route))];
		struct cmsghdr header;
	} control;
	static struct sockaddr_in address;
	static struct iovec piece = { "x", 1 };
	static struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &piece,
		.msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

	address = here(9);
	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_RETOPTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(route));
	memcpy(CMSG_DATA(&control.header), route, sizeof(route));
	return &message;
}

/* The kernel calls the hook for the first of several messages to one address; here the second leads elsewhere. */
static int send_several(const struct msghdr *second)
{
	struct sockaddr_in address = here(9);
	struct iovec piece = { "x", 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = { .msg_name = &address, .msg_namelen = sizeof(address),
		.msg_iov = &piece, .msg_iovlen = 1 } }, { .msg_hdr = *second } };

	/* After a refusal the call returns how many messages were sent before. */
	errno = EACCES;
	return sendmmsg(socket(AF_INET, SOCK_DGRAM, 0), messages, 2, 0) == 2 ? 0 : -1;
}

/* Removes the header, by the same call that sets it: not every kernel still has a type that can be set. */
static int set_routing_header(void)
{
	return setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), IPPROTO_IPV6, IPV6_RTHDR, NULL, 0);
}

static int take_options_away(void)
{
	int client = socket(AF_INET6, SOCK_DGRAM, 0);

	return setsockopt(client, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, NULL, 0);
}

/* The header of RFC 2460, 4.4, which current kernels no longer build; with one intermediate address. */
static int send_with_routing_header(int type)
{
	union {
		char bytes[CMSG_SPACE(24)];
		struct cmsghdr header;
	} control = { 0 };
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct iovec piece = { "x", 1 };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &piece,
		.msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	unsigned char *header = CMSG_DATA(&control.header);
	int result;

	control.header.cmsg_level = IPPROTO_IPV6;
	control.header.cmsg_type = type;
	control.header.cmsg_len = CMSG_LEN(24);
	header[1] = 2, header[3] = 1;
	header[23] = 1;
	result = sendmsg(socket(AF_INET6, SOCK_DGRAM, 0), &message, 0);
	/* EINVAL means that sending was allowed: the kernel checks the header only after the hook. */
	return result < 0 && errno == EINVAL ? 0 : result;
}

int send_otherwise(const char *how)
{
	struct sockaddr_in address = here(9);

	if (!strcmp(how, "plain"))
		return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&address, sizeof(address));
	if (!strcmp(how, "raw"))
		return socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (!strcmp(how, "raw-protocol"))
		return socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	if (!strcmp(how, "raw6"))
		return socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (!strcmp(how, "packet"))
		return socket(AF_PACKET, SOCK_DGRAM, 0);
	if (!strcmp(how, "packet-raw"))
		return socket(AF_PACKET, SOCK_RAW, 0);
	if (!strcmp(how, "packet-old"))
		return socket(AF_INET, SOCK_PACKET, 0);
	if (!strcmp(how, "route"))
		return setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_OPTIONS, route, sizeof(route));
	if (!strcmp(how, "route-beside"))
		return sendmsg(socket(AF_INET, SOCK_DGRAM, 0), message_with_route(), 0);
	if (!strcmp(how, "route-beside-second"))
		return send_several(message_with_route());
	if (!strcmp(how, "plain-several")) {
		struct msghdr *message = message_with_route();

		message->msg_controllen = 0;
		return send_several(message);
	}
	if (!strcmp(how, "route6-beside"))
		return send_with_routing_header(IPV6_RTHDR);
	if (!strcmp(how, "route6-beside-old"))
		return send_with_routing_header(IPV6_2292RTHDR);
	if (!strcmp(how, "options6"))
		return take_options_away();
	if (!strcmp(how, "route6"))
		return set_routing_header();
	return -1;
}

/* Writes a DNS query for the address of a name, preceded by its length. */
static int write_question(unsigned char *to, const char *name)
{
	static const unsigned char head[] = { 0, 0, 0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	unsigned char *at = to + sizeof(head);

	memcpy(to, head, sizeof(head));
	while (*name) {
		int length = strcspn(name, ".");

		*at++ = length;
		memcpy(at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	memcpy(at, "\0\0\1\0\1", 5);
	at += 5;
	to[1] = at - to - 2;
	return at - to;
}

/* Sends each query in a message of its own, by one call. */
static int send_questions(int client, unsigned char *questions, int first, int length)
{
	struct sockaddr_in address = here(53);
	struct iovec pieces[2] = { { questions + 2, first - 2 }, { questions + first + 2, length - first - 2 } };
	struct mmsghdr messages[2] = {
		{ .msg_hdr = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = pieces, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = pieces + 1, .msg_iovlen = 1 } },
	};
	int sent = sendmmsg(client, messages, 2, 0);

	if (sent == 1)
		errno = EACCES;
	return sent == 2 ? 0 : -1;
}

/* Queries a server of this process for both names at once. */
int ask_names(const char *how, const char *first, const char *second)
{
	int stream = !strcmp(how, "stream"), type = stream ? SOCK_STREAM : SOCK_DGRAM, yes = 1, length, segment;
	int server = socket(AF_INET, type, 0), client = socket(AF_INET, type, 0);
	struct sockaddr_in address = here(53);
	unsigned char questions[512];

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(server, (void *)&address, sizeof(address)) || (stream && listen(server, 1)) ||
	    connect(client, (void *)&address, sizeof(address)))
		return -1;
	length = segment = write_question(questions, first);
	length += write_question(questions + length, second);
	if (stream)
		return send(client, questions, length, 0);
	if (!strcmp(how, "several"))
		return send_questions(client, questions, segment, length);
	/* Two packets of equal size, each without the length prefix. */
	memmove(questions, questions + 2, segment - 2);
	memcpy(questions + segment - 2, questions + segment + 2, length - segment - 2);
	segment -= 2;
	if (setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		return -1;
	return send(client, questions, length - 4, 0);
}

#define REQUEST_PORT 9009
#define OLD_PORT 9010
#define ANSWER_MILLISECONDS 1500
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int listen_on(int family, int protocol, int port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any = here(port);
	int server = socket(family, SOCK_STREAM, protocol), yes = 1;

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	any.sin_addr.s_addr = 0;
	if (family == AF_INET ? bind(server, (void *)&any, sizeof(any)) : bind(server, (void *)&any6, sizeof(any6)))
		return -1;
	return listen(server, 10) ? -1 : server;
}

/* Connects from an address of this host; a peer that gets no answer is refused. */
static int come_from(const char *peer, int port)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	struct sockaddr_in address = here(port), own = here(0);
	struct pollfd ready = { .fd = client, .events = POLLOUT };
	socklen_t length = sizeof(error);

	own.sin_addr.s_addr = inet_addr(peer);
	if (bind(client, (void *)&own, sizeof(own)))
		return -1;
	connect(client, (void *)&address, sizeof(address));
	if (poll(&ready, 1, ANSWER_MILLISECONDS) == 1 && !getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length) && !error)
		return client;
	errno = error ? error : EACCES;
	return -1;
}

static int read_by_splice(int accepted)
{
	int ends[2];

	return pipe(ends) ? -1 : splice(accepted, NULL, ends[1], NULL, 1, 0);
}

static int read_by_mapping(int accepted)
{
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, accepted, 0);
	struct tcp_zerocopy_receive receive = { .address = (uintptr_t)memory, .length = 4096 };
	socklen_t length = sizeof(receive);

	return memory == MAP_FAILED ? -1 : getsockopt(accepted, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &receive, &length);
}

/* Accepts a connection from this peer and reads from it. */
int take_from(const char *how, const char *peer)
{
	int family = !strcmp(how, "mapped") ? AF_INET6 : AF_INET;
	int server = listen_on(family, !strcmp(how, "multipath") ? IPPROTO_MPTCP : 0, REQUEST_PORT);
	int client, accepted;

	if (server < 0)
		return -1;
	client = come_from(peer, REQUEST_PORT);
	if (client < 0 || send(client, "x", 1, 0) != 1)
		return -1;
	accepted = accept(server, NULL, NULL);
	if (accepted < 0)
		return -1;
	return !strcmp(how, "zero-copy") ? read_by_mapping(accepted) : read_by_splice(accepted);
}

/* Listens in the background, once. */
int serve_peers(void)
{
	int server = listen_on(AF_INET, 0, OLD_PORT);

	if (server < 0)
		return errno == EADDRINUSE ? 0 : -1;
	if (daemon(0, 0))
		return -1;
	for (;;)
		pause();
}

int come_to_server(const char *peer)
{
	return come_from(peer, OLD_PORT);
}
