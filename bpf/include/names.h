/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of hosts: which were looked up, and the addresses that answers gave for
 * them, each for as long as the answer says. An address stands for the name
 * that was looked up last.
 */
#ifndef HAUBERK_NAMES_H
#define HAUBERK_NAMES_H

#include "maps.h"
#include "path.h"
#include "sockets.h"

#define QUESTION_PORT 53
/* RFC 1035, 4.1.1 and 4.1.2: a header, and behind each name of a question its type and class. */
#define MESSAGE_HEADER_BYTES 12
#define QUESTION_TAIL_BYTES 4
#define LABEL_BYTES_MAX 63
/* With the length before each part, and without the empty part at the end. */
#define NAME_TEXT_BYTES_MAX 254
/* What is looked at of a message, from its start; it is read to where events will have their paths. */
#define MESSAGE_BYTES_MAX 4096

/*
 * Addresses that one container can have learnt, a power of two, and all of
 * them together. Each has a share, so that none takes another's names away;
 * what ended containers have left goes first.
 */
#define LEARNT_SHARE 512
#define LEARNT_MAX (64 * LEARNT_SHARE)
#define LEARNERS_MAX 8192
/* Resolvers ask this many servers by one socket: MAXNS of musl and of glibc is 3. */
#define SERVERS_MAX 4
/*
 * This many questions of a socket may wait for an answer: some programs ask all questions by one socket. A power of
 * two.
 */
#define QUESTIONS_MAX 64

struct host_address {
	__u8 bytes[16];		/* as in struct endpoint */
	__u32 kind;		/* enum endpoint_address */
};

struct learnt_key {
	struct container_key container;
	struct host_address address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LEARNT_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct learnt_key);
	__type(value, struct learnt_name);
} learnt SEC(".maps");

/* How many addresses a container has been given room for so far: the next one takes the place of the oldest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LEARNERS_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct container_key);
	__type(value, __u32);
} learnt_shares SEC(".maps");

struct learnt_place {
	struct container_key container;
	__u32 place;		/* below LEARNT_SHARE */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LEARNT_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct learnt_place);
	__type(value, struct host_address);
} learnt_places SEC(".maps");

/* The name by which a connection was made: it holds for as long as the connection. */
struct cached_name {
	struct host_address address;
	struct host_name name;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, int);
	__type(value, struct cached_name);
} cached_names SEC(".maps");

/* A socket by which a container has queried names, and which servers. */
struct dns_client {
	struct container_key container;
	__u64 container_start;
	__u32 servers_queried;		/* how many so far */
	struct host_address servers[SERVERS_MAX];
	/* The last questions, see question_mark; the next one takes the place of the oldest. */
	__u64 questions[QUESTIONS_MAX];
	__u32 next_question;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, int);
	__type(value, struct dns_client);
} dns_clients SEC(".maps");

static __always_inline void copy_address(struct host_address *address, const struct endpoint *end)
{
	__builtin_memcpy(address->bytes, end->address, sizeof(address->bytes));
	address->kind = end->kind;
}

static __always_inline bool is_same_address(const struct host_address *address, const struct endpoint *end)
{
	__u8 difference = address->kind ^ end->kind;

	for (int i = 0; i < 16; i++)
		difference |= address->bytes[i] ^ end->address[i];
	return !difference;
}

/*
 * See container_starts: what an ended container has learnt must not pass to a new one with the same namespace numbers.
 */
static __always_inline __u64 start_of(struct container_key *container)
{
	__u64 *start = bpf_map_lookup_elem(&container_starts, container);

	return start ? *start : 0;
}

/* The name that the container has asked for when it was given this address; NULL for none, or where its time is over. */
static __always_inline struct host_name *find_learnt(struct container_key *container, const struct endpoint *end)
{
	struct learnt_key key = { .container = *container };
	struct learnt_name *found;

	copy_address(&key.address, end);
	found = bpf_map_lookup_elem(&learnt, &key);
	if (!found || found->expires_ns <= bpf_ktime_get_boot_ns() || found->container_start != start_of(container))
		return NULL;
	return &found->name;
}

/* Makes room for an address in its container's share. False where there is none. */
static __noinline bool make_room(const struct learnt_key *key, __u64 now)
{
	struct learnt_key oldest = { .container = key->container };
	struct learnt_place place = { .container = key->container };
	struct host_address *address;
	struct learnt_name *found;
	__u32 *share, none = 0;

	share = bpf_map_lookup_elem(&learnt_shares, &oldest.container);
	if (!share) {
		bpf_map_update_elem(&learnt_shares, &oldest.container, &none, BPF_NOEXIST);
		share = bpf_map_lookup_elem(&learnt_shares, &oldest.container);
	}
	if (!share)
		return false;
	place.place = __sync_fetch_and_add(share, 1) & (LEARNT_SHARE - 1);
	address = bpf_map_lookup_elem(&learnt_places, &place);
	if (address) {
		oldest.address = *address;
		found = bpf_map_lookup_elem(&learnt, &oldest);
		/* Another container's may have taken its place, where all of them together have none left. */
		if (!found || found->expires_ns > now)
			count(COUNTER_NAME_FORGOTTEN);
		bpf_map_delete_elem(&learnt, &oldest);
	}
	return !bpf_map_update_elem(&learnt_places, &place, &key->address, BPF_ANY);
}

static __always_inline struct host_name *find_cached_name(struct sock *sk, const struct endpoint *end)
{
	struct cached_name *cached = sk ? bpf_sk_storage_get(&cached_names, sk, 0, 0) : NULL;

	return cached && is_same_address(&cached->address, end) ? &cached->name : NULL;
}

static __always_inline void store_name(struct sock *sk, const struct socket_use *use)
{
	struct cached_name *cached;

	if (!sk || !use->name)
		return;
	cached = bpf_sk_storage_get(&cached_names, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!cached)
		return;
	copy_address(&cached->address, &use->end);
	bpf_probe_read_kernel(&cached->name, sizeof(cached->name), use->name);
}

static __always_inline bool is_known_server(const struct dns_client *dns_client, const struct endpoint *end)
{
	for (int i = 0; i < SERVERS_MAX; i++)
		if (i < dns_client->servers_queried && is_same_address(&dns_client->servers[i], end))
			return true;
	return false;
}

/* From now on the socket's answers to the questions from this server are believed. */
static __noinline int remember_questions(struct sock *sk, struct container_key *container,
					 const struct endpoint *end, const struct sent_message *sent)
{
	__u64 start = start_of(container);
	struct dns_client *dns_client;

	if (!sk)
		return 0;
	dns_client = bpf_sk_storage_get(&dns_clients, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!dns_client)
		return 0;
	if (dns_client->container.pid_namespace != container->pid_namespace ||
	    dns_client->container.mount_namespace != container->mount_namespace || dns_client->container_start != start)
		dns_client->servers_queried = 0;
	dns_client->container = *container;
	dns_client->container_start = start;
	for (int i = 0; i < QUESTIONS_AT_ONCE; i++)
		if (i < sent->count)
			dns_client->questions[dns_client->next_question++ & (QUESTIONS_MAX - 1)] = sent->marks[i];
	if (is_known_server(dns_client, end))
		return 0;
	copy_address(&dns_client->servers[dns_client->servers_queried % SERVERS_MAX], end);
	/* More than there is room for: the first is forgotten for the newest. */
	dns_client->servers_queried = dns_client->servers_queried < SERVERS_MAX ? dns_client->servers_queried + 1 : 1;
	return 0;
}

static __always_inline __u8 message_byte(struct scratch *scratch, __u32 position)
{
	return scratch->paths[path_index(position)];
}

static __always_inline __u16 message_number(struct scratch *scratch, __u32 position)
{
	return message_byte(scratch, position) << 8 | message_byte(scratch, position + 1);
}

static __always_inline __u64 name_index(__u64 offset)
{
	asm volatile("%0 &= %1" : "+r"(offset) : "i"(HOST_NAME_BYTES - 1));
	return offset;
}

/* Names are compared without regard to case; what no rule can name is written as what no rule names. */
static __always_inline char name_character(__u8 byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte + ('a' - 'A');
	if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_')
		return byte;
	return '?';
}

/* The verifier takes nothing but the stack for a loop's context. */
struct walk_context {
	struct scratch *scratch;
};

static long name_step(__u32 step, struct walk_context *context)
{
	struct scratch *scratch = context->scratch;
	struct message_walk *walk = &scratch->walk;
	struct host_name *name = &scratch->learnt.name;
	__u8 byte;

	if (walk->position >= walk->length)
		return 1;
	byte = message_byte(scratch, walk->position++);
	if (walk->left) {
		byte = name_character(byte);
		walk->mark = mark_with(walk->mark, byte);
		name->bytes[name_index(walk->next++)] = byte;
		walk->left--;
		return 0;
	}
	walk->complete = !byte;
	walk->mark = mark_with(walk->mark, byte);
	/* In a question there is nothing before the name that it could point back to. */
	if (!byte || byte > LABEL_BYTES_MAX || HOST_NAME_BYTES - name->start + byte + 1 > NAME_TEXT_BYTES_MAX)
		return 1;
	name->start -= byte + 1;
	name->bytes[name_index(name->start)] = '.';
	walk->next = name->start + 1;
	walk->left = byte;
	return 0;
}

/*
 * Reads the one question of a message in the buffer as a name, last part first, and leaves the walk at its end. False
 * if it is not such a message. An answer has the number, the name and the type of its question, and so the same mark.
 */
static __always_inline bool read_question(struct scratch *scratch, __u32 start, __u32 length)
{
	struct walk_context context = { .scratch = scratch };
	struct message_walk *walk = &scratch->walk;

	walk->position = start + MESSAGE_HEADER_BYTES;
	walk->length = length;
	walk->left = 0;
	walk->complete = false;
	walk->mark = MARK_START;
	scratch->learnt.name.start = HOST_NAME_BYTES;
	if (length < walk->position || message_number(scratch, start + 4) != 1)
		return false;
	bpf_loop(HOST_NAME_BYTES, name_step, &context, 0);
	walk->mark = mark_with(walk->mark, message_number(scratch, start) << 16 | message_number(scratch, walk->position));
	walk->position += QUESTION_TAIL_BYTES;
	return walk->complete && walk->position <= length;
}

#endif
