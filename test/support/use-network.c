// SPDX-License-Identifier: Apache-2.0
/* Ways to send what a rule on addresses or names would not let through. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "uses.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Loose source route: RFC 791, 3.1. By this host, for there may be no way to any other. */
static const unsigned char route[] = { 131, 7, 4, 127, 0, 0, 1, 0 };

static int send_with_route(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(route))];
		struct cmsghdr header;
	} control = { 0 };
	struct sockaddr_in address = here(9);
	struct iovec piece = { "x", 1 };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &piece,
		.msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_RETOPTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(route));
	memcpy(CMSG_DATA(&control.header), route, sizeof(route));
	return sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 0);
}

/* Not every kernel has a kind of it left; to take it away is the same call. */
static int set_routing_header(void)
{
	return setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), IPPROTO_IPV6, IPV6_RTHDR, NULL, 0);
}

int send_otherwise(const char *how)
{
	struct sockaddr_in address = here(9);

	if (!strcmp(how, "plain"))
		return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&address, sizeof(address));
	if (!strcmp(how, "raw"))
		return socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (!strcmp(how, "raw6"))
		return socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (!strcmp(how, "packet"))
		return socket(AF_PACKET, SOCK_DGRAM, 0);
	if (!strcmp(how, "route"))
		return setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_OPTIONS, route, sizeof(route));
	if (!strcmp(how, "route-beside"))
		return send_with_route();
	if (!strcmp(how, "route6"))
		return set_routing_header();
	return -1;
}

/* Writes a question for the address of a name, behind its length. */
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

/* Asks a server of its own for both names at once. */
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
	/* Two packets of one length, each without the length before it. */
	memmove(questions, questions + 2, segment - 2);
	memcpy(questions + segment - 2, questions + segment + 2, length - segment - 2);
	segment -= 2;
	if (setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		return -1;
	return send(client, questions, length - 4, 0);
}
