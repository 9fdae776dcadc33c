// SPDX-License-Identifier: GPL-2.0-only
/*
 * The matcher alone, for tests and measurements: run by BPF_PROG_TEST_RUN on
 * any kernel, it has to give the answers of the walk in user space.
 */
#include "include/automaton.h"
#include "include/kernel.h"

struct image {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct image_page));
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, struct image);
} image_under_test SEC(".maps");

struct question {
	struct match match;
	__u32 wanted;
	__u32 owner;
	__u32 verdict;		/* out */
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct question);
} questions SEC(".maps");

SEC("syscall")
int hauberk_match(void *context)
{
	__u32 zero = 0;
	struct question *question = bpf_map_lookup_elem(&questions, &zero);
	void *pages = bpf_map_lookup_elem(&image_under_test, &zero);
	struct open_image image;

	if (!question || !pages || !image_open(&image, pages))
		return 1;
	question->verdict = automaton_match(&image, &question->path, &question->match, question->wanted,
					    question->owner);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
