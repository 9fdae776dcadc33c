// SPDX-License-Identifier: Apache-2.0
/* Ways to reach several addresses by one call, which only SCTP has. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "uses.h"

/* include/uapi/linux/sctp.h */
#define SCTP_DSTADDRV4 7
#define SCTP_SOCKOPT_CONNECTX 110

#define PORT 7070
/* More than the hook reads. */
#define MANY 9

static struct sockaddr_in at(const char *address)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(address) };
}

/*
 * sctp_connectx(3): the kernel calls the first address, and uses the others when that does not answer. The call is
 * allowed once it has begun, whether or not there is somebody to answer.
 */
static int call_several(const struct sockaddr_in *addresses, int count)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_SCTP);

	if (!setsockopt(client, IPPROTO_SCTP, SCTP_SOCKOPT_CONNECTX, addresses, count * sizeof(*addresses)))
		return 0;
	return errno == EINPROGRESS ? 0 : -1;
}

/* RFC 6458, 5.3.9: further addresses of an association that a message begins. */
static int send_with_address(const char *further)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_addr))];
		struct cmsghdr header;
	} control = { 0 };
	struct in_addr address = { inet_addr(further) };
	struct sockaddr_in first = at("127.0.0.1");
	struct iovec piece = { "x", 1 };
	struct msghdr message = { .msg_name = &first, .msg_namelen = sizeof(first), .msg_iov = &piece, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };

	control.header.cmsg_level = IPPROTO_SCTP;
	control.header.cmsg_type = SCTP_DSTADDRV4;
	control.header.cmsg_len = CMSG_LEN(sizeof(address));
	memcpy(CMSG_DATA(&control.header), &address, sizeof(address));
	return sendmsg(socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP), &message, MSG_DONTWAIT) == 1 ? 0 : -1;
}

int use_sctp(const char *how, const char *peer)
{
	struct sockaddr_in addresses[MANY];

	/* An association takes no address twice. */
	for (int i = 0; i < MANY; i++) {
		addresses[i] = at("127.0.1.1");
		addresses[i].sin_addr.s_addr += htonl(i);
	}
	if (!strcmp(how, "first")) {
		addresses[0] = at(peer);
		return call_several(addresses, 1);
	}
	if (!strcmp(how, "further")) {
		addresses[1] = at(peer);
		return call_several(addresses, 2);
	}
	if (!strcmp(how, "many")) {
		addresses[MANY - 1] = at(peer);
		return call_several(addresses, MANY);
	}
	return !strcmp(how, "beside") ? send_with_address(peer) : -1;
}
