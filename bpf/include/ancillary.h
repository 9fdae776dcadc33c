/* SPDX-License-Identifier: GPL-2.0-only */
/* What a message says beside its content: cmsg(3). */
#ifndef HAUBERK_ANCILLARY_H
#define HAUBERK_ANCILLARY_H

#include "kernel.h"

/* More than net.core.optmem_max has room for. */
#define HEADERS_MAX 8192
#define HEADER_ALIGN(length) (((length) + 7) & ~7ULL)

/* include/uapi/linux/in.h, in6.h, udp.h and sctp.h */
#define SOL_IP 0
#define SOL_UDP 17
#define SOL_IPV6 41
#define SOL_SCTP 132
#define IP_OPTIONS 4
#define IP_RETOPTS 7
#define IPV6_2292RTHDR 5
#define IPV6_2292PKTOPTIONS 6
#define IPV6_RTHDR 57
#define UDP_SEGMENT 103
#define SCTP_DSTADDRV4 7
#define SCTP_DSTADDRV6 8

struct control_header {
	__u64 length;
	int level;
	int type;
};

struct ancillary {
	__u64 at;
	__u64 left;
	bool is_in_program;	/* in the program's memory, not the kernel's copy */
	bool leads_elsewhere;	/* out: by way of other hosts, or to more of them */
	bool is_segmented;	/* out: it becomes several packets */
};

static __always_inline void note_header(struct ancillary *ancillary, const struct control_header *header)
{
	switch (header->level) {
	case SOL_IP:
		ancillary->leads_elsewhere |= header->type == IP_RETOPTS;
		break;
	case SOL_IPV6:
		ancillary->leads_elsewhere |= header->type == IPV6_RTHDR || header->type == IPV6_2292RTHDR;
		break;
	case SOL_SCTP:
		ancillary->leads_elsewhere |= header->type == SCTP_DSTADDRV4 || header->type == SCTP_DSTADDRV6;
		break;
	case SOL_UDP:
		ancillary->is_segmented |= header->type == UDP_SEGMENT;
	}
}

static long header_step(__u32 step, struct ancillary *ancillary)
{
	struct control_header header = {};
	long failed;

	if (ancillary->left < sizeof(header))
		return 1;
	failed = ancillary->is_in_program ? bpf_probe_read_user(&header, sizeof(header), (void *)ancillary->at) :
					    bpf_probe_read_kernel(&header, sizeof(header), (void *)ancillary->at);
	if (failed) {
		ancillary->leads_elsewhere = ancillary->is_segmented = true;
		return 1;
	}
	/* The kernel refuses the message. */
	if (header.length < sizeof(header) || header.length > ancillary->left)
		return 1;
	note_header(ancillary, &header);
	header.length = HEADER_ALIGN(header.length);
	if (header.length > ancillary->left)
		return 1;
	ancillary->at += header.length;
	ancillary->left -= header.length;
	return 0;
}

static __always_inline void read_ancillary(struct ancillary *ancillary, struct msghdr *message)
{
	ancillary->left = BPF_CORE_READ(message, msg_controllen);
	ancillary->at = (__u64)BPF_CORE_READ(message, msg_control);
	if (ancillary->left)
		bpf_loop(HEADERS_MAX, header_step, ancillary, 0);
}

#endif
