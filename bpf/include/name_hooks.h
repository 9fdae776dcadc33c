/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions that go out, and the answers that come in. */
#ifndef HAUBERK_NAME_HOOKS_H
#define HAUBERK_NAME_HOOKS_H

#include "ancillary.h"
#include "network_hooks.h"
#include "pages.h"
#include "several_messages.h"

#define SOCK_DGRAM 2
#define UDP_HEADER_BYTES 8

/* RFC 1035, 3.2.2 and 3.2.4; RFC 3596, 2.1. */
#define RECORD_TYPE_A 1
#define RECORD_TYPE_CNAME 5
#define RECORD_TYPE_AAAA 28
#define RECORD_CLASS_INTERNET 1
#define RECORD_HEADER_BYTES 10
/* A record takes one step where its name points back, and one more for each part of it otherwise. */
#define ANSWER_STEPS_MAX 512
#define NS_PER_SECOND 1000000000ULL
/* A client must get to use an address before it expires. */
#define TIME_TO_LIVE_MIN 5
/* RFC 8767, 4: a longer time is likely a mistake. */
#define TIME_TO_LIVE_MAX (7 * 24 * 3600)

static __always_inline bool is_for_server(const struct socket_use *use)
{
	return use->end.direction == DIRECTION_EGRESS && use->end.port == QUESTION_PORT &&
	       (use->type == SOCK_STREAM || use->type == SOCK_DGRAM);
}

/* Begins behind every message, so that no question is found there. */
#define NO_QUESTION 0xffff

/* One message that the kernel is to cut into several packets. */
static __noinline bool becomes_packets(struct socket *socket, struct msghdr *message)
{
	struct udp_sock *udp = (void *)BPF_CORE_READ(socket, sk);
	struct ancillary ancillary = {};

	read_ancillary(&ancillary, message);
	return ancillary.is_segmented || BPF_CORE_READ(udp, gso_size);
}

static long question_step(__u32 step, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct sent_message *sent = &scratch->sent;

	scratch->object.number = step < QUESTIONS_AT_ONCE ? sent->next : NO_QUESTION;
	scratch->question.verdict = RULE_NONE;
	query_image(scratch);
	if (scratch->question.place != PATH_OK)
		sent->denied = refuse_unresolved(scratch, scratch->question.place) != 0;
	else
		sent->denied = finish_decision(scratch) != 0;
	if (sent->denied || step >= QUESTIONS_AT_ONCE)
		return 1;
	sent->marks[step] = scratch->walk.mark;
	sent->count = step + 1;
	return !sent->next;
}

/* Decides about each question of a message. Who is asked, and what, is remembered once all of them are let through. */
static __always_inline int decide_questions(struct membership *membership, struct access *access, struct sock *sk,
					    struct endpoint *end)
{
	struct scratch *scratch = scratch_take();
	bool denied;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, access);
	store_object(scratch, access);
	scratch->sent.next = access->number;
	scratch->sent.denied = false;
	scratch->sent.count = 0;
	bpf_loop(QUESTIONS_AT_ONCE + 1, question_step, &scratch, 0);
	denied = scratch->sent.denied;
	if (!denied)
		remember_questions(sk, &membership->container, end, &scratch->sent);
	scratch_return(scratch);
	return denied ? -EACCES : 0;
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(hauberk_question, struct socket *socket, struct msghdr *message, int size)
{
	struct access access = {
		.subject = SUBJECT_NAMES,
		.operation = OPERATION_RESOLVE,
		.wanted = ACCESS_USE,
		.message = message,
	};
	struct membership membership = {};
	struct socket_use use = {};

	if (!is_under_network_policy(&membership) || !(membership.flags & IMAGE_HAS_NAMES))
		return 0;
	read_kind(&use, socket);
	if (!is_internet(use.family))
		return 0;
	read_other_end(&use.end, socket, message);
	if (!is_for_server(&use))
		return 0;
	access.detail = use.type == SOCK_STREAM;
	if (is_one_of_several(membership.task, message) || (!access.detail && becomes_packets(socket, message)))
		access.number = NO_QUESTION;
	return decide_questions(&membership, &access, socket->sk, &use.end);
}

/* Where a packet came from; false where that is none of the servers that were asked. */
static __always_inline bool is_from_server(const struct dns_client *dns_client, struct sk_buff *packet, __u64 head)
{
	__u64 transport = head + BPF_CORE_READ(packet, transport_header);
	struct endpoint end = {};
	__u16 port = 0;

	bpf_probe_read_kernel(&port, sizeof(port), (void *)transport);
	if (from_network(port) != QUESTION_PORT)
		return false;
	read_sender(&end, packet, head);
	return is_known_server(dns_client, &end);
}

/* What is behind a packet's first bytes, in its first fragment. */
static __always_inline bool read_fragment(struct scratch *scratch, struct sk_buff *packet, __u64 head, __u32 position,
					  __u32 bytes)
{
	struct skb_shared_info *shared = (void *)(head + BPF_CORE_READ(packet, end));
	struct packet_fragment fragment = {};
	__u64 address;

	if (!BPF_CORE_READ(shared, nr_frags))
		return false;
	BPF_CORE_READ_INTO(&fragment, shared, frags[0]);
	/* The lowest bit tells memory of a device. */
	if (fragment.length < bytes || (fragment.page & 1))
		return false;
	address = address_of_page(fragment.page);
	return address && !bpf_probe_read_kernel(&scratch->paths[path_index(position)], path_index(bytes),
						 (void *)(address + fragment.offset));
}

/* Copies what a packet carries to the buffer; returns how many bytes, 0 where they cannot be read. */
static __always_inline __u32 read_packet(struct scratch *scratch, struct sk_buff *packet, __u64 head, bool is_stream)
{
	__u64 data = (__u64)BPF_CORE_READ(packet, data);
	__u64 payload = head + BPF_CORE_READ(packet, transport_header);
	__u32 length = BPF_CORE_READ(packet, len);
	__u32 first = length - BPF_CORE_READ(packet, data_len);
	__u8 words = UDP_HEADER_BYTES / 4;
	__u32 skipped;

	if (is_stream) {
		bpf_probe_read_kernel(&words, sizeof(words), (void *)payload + 12);
		words >>= 4;
	}
	payload += words * 4;
	skipped = payload - data;
	if (skipped > first)
		return 0;
	length -= skipped;
	first -= skipped;
	if (length >= MESSAGE_BYTES_MAX)
		return 0;
	if (first > length)
		first = length;
	if (bpf_probe_read_kernel(scratch->paths, path_index(first), (void *)payload))
		return 0;
	if (first < length && !read_fragment(scratch, packet, head, first, length - first))
		return 0;
	return length;
}

/* An address of the answer, which stands at the walk's position. */
static __always_inline void learn_address(struct scratch *scratch, __u32 bytes)
{
	struct learnt_key key = { .container = scratch->walk.container };
	struct endpoint end = {};
	__u8 address[16];

	for (int i = 0; i < 16; i++)
		address[i] = i < bytes ? message_byte(scratch, scratch->walk.position + i) : 0;
	if (bytes == 4)
		set_ipv4(&end, address);
	else
		set_ipv6(&end, address);
	copy_address(&key.address, &end);
	if (!bpf_map_lookup_elem(&learnt, &key) && !make_room(&key, scratch->walk.now)) {
		count(COUNTER_NAME_FORGOTTEN);
		return;
	}
	if (bpf_map_update_elem(&learnt, &key, &scratch->learnt, BPF_ANY))
		count(COUNTER_NAME_FORGOTTEN);
}

static long answer_step(__u32 step, struct walk_context *context)
{
	struct scratch *scratch = context->scratch;
	struct message_walk *walk = &scratch->walk;
	__u32 type, class, bytes, time_to_live;
	__u8 byte;

	if (!walk->records || walk->position >= walk->length)
		return 1;
	byte = message_byte(scratch, walk->position);
	if (byte && byte <= LABEL_BYTES_MAX) {
		walk->position += byte + 1;
		return 0;
	}
	/* The end of the record's name, or where the rest of it stands. */
	walk->position += byte ? 2 : 1;
	if (walk->position + RECORD_HEADER_BYTES > walk->length)
		return 1;
	type = message_number(scratch, walk->position);
	class = message_number(scratch, walk->position + 2);
	time_to_live = message_number(scratch, walk->position + 4) << 16 | message_number(scratch, walk->position + 6);
	bytes = message_number(scratch, walk->position + 8);
	walk->position += RECORD_HEADER_BYTES;
	if (walk->position + bytes > walk->length)
		return 1;
	/* RFC 2181, 8: the highest bit makes it none. */
	if (time_to_live >> 31)
		time_to_live = 0;
	if (time_to_live > walk->time_to_live)
		time_to_live = walk->time_to_live;
	if (class == RECORD_CLASS_INTERNET && type == RECORD_TYPE_CNAME)
		walk->time_to_live = time_to_live;
	if (time_to_live < TIME_TO_LIVE_MIN)
		time_to_live = TIME_TO_LIVE_MIN;
	scratch->learnt.expires_ns = walk->now + time_to_live * NS_PER_SECOND;
	if (class == RECORD_CLASS_INTERNET && type == RECORD_TYPE_A && bytes == 4)
		learn_address(scratch, 4);
	if (class == RECORD_CLASS_INTERNET && type == RECORD_TYPE_AAAA && bytes == 16)
		learn_address(scratch, 16);
	walk->position += bytes;
	walk->records--;
	return 0;
}

/* Whoever the packet claims to be from, only who has seen the question knows its number. */
static __always_inline bool was_question(const struct dns_client *dns_client, __u64 mark)
{
	for (int i = 0; i < QUESTIONS_MAX; i++)
		if (dns_client->questions[i] == mark)
			return true;
	return false;
}

/* All addresses of an answer are the name's that was looked up, by whatever aliases they were found. */
static __always_inline bool learn_answer(struct scratch *scratch, const struct dns_client *dns_client, __u32 start, __u32 length)
{
	struct walk_context context = { .scratch = scratch };
	struct message_walk *walk = &scratch->walk;

	/* A question, or an answer without success. */
	if (!(message_byte(scratch, start + 2) & 0x80) || (message_byte(scratch, start + 3) & 0xf))
		return true;
	if (!read_question(scratch, start, length) || !was_question(dns_client, walk->mark))
		return false;
	walk->records = message_number(scratch, start + 6);
	walk->time_to_live = TIME_TO_LIVE_MAX;
	walk->container = dns_client->container;
	walk->now = bpf_ktime_get_boot_ns();
	scratch->learnt.container_start = dns_client->container_start;
	bpf_loop(ANSWER_STEPS_MAX, answer_step, &context, 0);
	return !walk->records;
}

static __always_inline bool read_answer(struct scratch *scratch, const struct dns_client *dns_client, struct sk_buff *packet,
					__u64 head, bool is_stream)
{
	__u32 length = read_packet(scratch, packet, head, is_stream);

	if (!is_stream)
		return length && learn_answer(scratch, dns_client, 0, length);
	/* A segment that carries nothing. */
	if (!length)
		return true;
	/* What does not come whole in one segment is not put together here. */
	return message_number(scratch, 0) + 2 == length && learn_answer(scratch, dns_client, 2, length);
}

/* Runs before the program can read the answer, so that it may use the addresses at once. */
SEC("lsm/socket_sock_rcv_skb")
int BPF_PROG(hauberk_answer, struct sock *sk, struct sk_buff *packet)
{
	struct dns_client *dns_client = bpf_sk_storage_get(&dns_clients, sk, 0, 0);
	struct scratch *scratch;
	__u64 head;

	if (!dns_client)
		return 0;
	head = (__u64)BPF_CORE_READ(packet, head);
	if (!is_from_server(dns_client, packet, head))
		return 0;
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_ANSWER_UNREAD);
		return 0;
	}
	if (!read_answer(scratch, dns_client, packet, head, BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP))
		count(COUNTER_ANSWER_UNREAD);
	scratch_return(scratch);
	return 0;
}

#endif
