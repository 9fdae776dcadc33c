/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments a program is run with. When the kernel asks, it has copied them
 * to the stack of the program to be, which is no task's memory yet: its page
 * tables are followed here, as the processor will. What the caller does to its
 * own copy meanwhile makes no difference.
 */
#ifndef HAUBERK_ARGUMENT_HOOKS_H
#define HAUBERK_ARGUMENT_HOOKS_H

#include "called.h"
#include "decide.h"
#include "pages.h"

#define ARGUMENT_BYTES_MAX 1024
/* More than the kernel takes: MAX_ARG_STRINGS is far above what fits its stack. */
#define ARGUMENTS_MAX (1 << 20)
#define ARGUMENT_RULE_DIGITS 8

/* Architecture-specific: how the page tables of x86-64 lie in memory. Intel SDM, volume 3A, 4.5. */
extern const void pgdir_shift __ksym __weak;
#define TABLE_PRESENT 1
#define TABLE_LARGE_PAGE (1 << 7)
#define TABLE_FRAME_MASK 0x000ffffffffff000UL
#define TABLE_INDEX_MASK 511

static __always_inline bool can_read_tables(void)
{
#if defined(__TARGET_ARCH_x86)
	return &page_offset_base && &pgdir_shift;
#else
	return false;
#endif
}

/* The address at which the kernel sees a byte of another address space; 0 where no page is. */
static __always_inline __u64 resolve_address(__u64 tables, __u64 address)
{
	__u64 base = 0, entry = 0, table = tables;
	__u32 shift = 0;

	bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base);
	bpf_probe_read_kernel(&shift, sizeof(shift), &pgdir_shift);
	/* Five levels at most; the last one has a shift of 12. */
	for (int level = 0; level < 5; level++) {
		if (bpf_probe_read_kernel(&entry, sizeof(entry),
					  (void *)(table + 8 * ((address >> shift) & TABLE_INDEX_MASK))))
			return 0;
		if (!(entry & TABLE_PRESENT) || (shift > 12 && (entry & TABLE_LARGE_PAGE)))
			return 0;
		table = base + (entry & TABLE_FRAME_MASK);
		if (shift == 12)
			return table + (address & (PAGE_BYTES - 1));
		shift -= 9;
	}
	return 0;
}

/* Reads as much as an argument can hold, and one byte more, into the buffer that events use for their paths. */
static __always_inline bool read_argument(struct scratch *scratch, __u64 address)
{
	__u32 first = PAGE_BYTES - (address & (PAGE_BYTES - 1));
	__u64 source = resolve_address(scratch->arguments.tables, address);

	if (!source)
		return false;
	if (first > ARGUMENT_BYTES_MAX + 1)
		first = ARGUMENT_BYTES_MAX + 1;
	__builtin_memset(scratch->paths + ARGUMENT_BYTES_MAX, 0, 8);
	if (bpf_probe_read_kernel(scratch->paths, first, (void *)source))
		return false;
	if (first > ARGUMENT_BYTES_MAX)
		return true;
	source = resolve_address(scratch->arguments.tables, address + first);
	/* The last page of the stack may end here. */
	if (!source) {
		scratch->paths[first & (2 * ARGUMENT_BYTES_MAX - 1)] = 0;
		return true;
	}
	return !bpf_probe_read_kernel(&scratch->paths[first & (2 * ARGUMENT_BYTES_MAX - 1)],
				      (ARGUMENT_BYTES_MAX + 1 - first) & (2 * ARGUMENT_BYTES_MAX - 1), (void *)source);
}

/* Writes the object key of an argument; returns where the next one starts, 0 where this one is longer than any allowed. */
static __always_inline __u64 place_argument(struct scratch *scratch)
{
	char *copy = &scratch->paths[2 * ARGUMENT_BYTES_MAX];
	long bytes = bpf_probe_read_kernel_str(copy, ARGUMENT_BYTES_MAX + 2, scratch->paths) - 1;
	__u32 offset;

	if (bytes < 0 || bytes > ARGUMENT_BYTES_MAX)
		return 0;
	offset = PATH_BYTES_MAX - bytes;
	bpf_probe_read_kernel(&scratch->path.bytes[path_index(offset)], bytes & (2 * ARGUMENT_BYTES_MAX - 1), copy);
	for (int i = 0; i < ARGUMENT_RULE_DIGITS; i++)
		scratch->path.bytes[path_index(--offset)] = digit(scratch->arguments.rule >> 4 * i);
	scratch->path.bytes[path_index(--offset)] = KEY_ARGUMENT;
	scratch->question.match.offset = offset;
	return scratch->arguments.address + bytes + 1;
}

/* How long the argument in the buffer is. */
static __always_inline __u32 argument_bytes(struct scratch *scratch)
{
	long bytes = bpf_probe_read_kernel_str(&scratch->paths[2 * ARGUMENT_BYTES_MAX], ARGUMENT_BYTES_MAX + 2, scratch->paths);

	return bytes > 0 ? bytes - 1 : 0;
}

static long argument_step(__u32 index, struct scratch **context)
{
	struct scratch *scratch = *context;
	__u64 next;

	if (index >= scratch->arguments.count) {
		scratch->arguments.result = ARGUMENTS_ALLOWED;
		return 1;
	}
	if (!read_argument(scratch, scratch->arguments.address)) {
		scratch->arguments.result = ARGUMENTS_UNREADABLE;
		return 1;
	}
	next = place_argument(scratch);
	scratch->arguments.address = next;
	/* The first is the name the program is called by. */
	if (next && !index)
		return 0;
	if (next && image_decide(scratch) == IMAGE_ANSWERED && scratch->question.verdict == scratch->arguments.rule)
		return 0;
	scratch->arguments.result = ARGUMENTS_OTHERS;
	return 1;
}

/* Whether a rule allows all arguments: enum arguments_result. */
__noinline int arguments_check(struct scratch *scratch)
{
	if (!scratch)
		return ARGUMENTS_UNREADABLE;
	scratch->question.match.subject = SUBJECT_ARGUMENTS;
	scratch->question.match.actor = 0;
	scratch->question.wanted = ACCESS_USE;
	scratch->question.owner = true;
	scratch->arguments.result = ARGUMENTS_UNREADABLE;
	if (!can_read_tables())
		return ARGUMENTS_UNREADABLE;
	bpf_loop(ARGUMENTS_MAX, argument_step, &scratch, 0);
	return scratch->arguments.result;
}

/*
 * A program that a rule allows with certain arguments only: unless all of its arguments are among these, the rule
 * decides.
 */
static __always_inline int finish_arguments(struct membership *membership, struct scratch *scratch, struct access *access,
					      struct linux_binprm *bprm)
{
	__u32 verdict = scratch->question.verdict & ~VERDICT_BY_ARGUMENTS;
	int result;

	scratch->arguments.tables = (__u64)BPF_CORE_READ(bprm, mm, pgd);
	scratch->arguments.address = BPF_CORE_READ(bprm, p);
	scratch->arguments.count = BPF_CORE_READ(bprm, argc);
	scratch->arguments.rule = verdict & VERDICT_RULE_MASK;
	result = arguments_check(scratch);
	/* The object keys of the arguments have replaced the program's path. */
	question_begin(membership, scratch, access);
	place_object(scratch);
	if (result == ARGUMENTS_UNREADABLE)
		return refuse_unresolved(scratch, PATH_UNAVAILABLE);
	scratch->question.verdict = result == ARGUMENTS_ALLOWED ? verdict & VERDICT_RULE_MASK : verdict;
	return finish_decision(scratch);
}

/* A program that a rule covers by a name: events report its path, and it may not be run under that name. */
static __always_inline int decide_called(struct scratch *scratch, struct linux_binprm *bprm)
{
	scratch->arguments.tables = (__u64)BPF_CORE_READ(bprm, mm, pgd);
	scratch->arguments.address = BPF_CORE_READ(bprm, p);
	scratch->arguments.count = BPF_CORE_READ(bprm, argc);
	for (int i = 0; i < 2; i++) {
		__u32 verdict;
		int many;

		if (i >= scratch->arguments.count)
			return 0;
		if (!can_read_tables() || !read_argument(scratch, scratch->arguments.address))
			return refuse_unresolved(scratch, PATH_UNAVAILABLE);
		scratch->arguments.address += argument_bytes(scratch) + 1;
		many = query_called_name(scratch);
		if (many < 0)
			return refuse_unresolved(scratch, PATH_UNAVAILABLE);
		if (is_decided_by_rule(scratch)) {
			verdict = scratch->question.verdict;
			place_object(scratch);
			scratch->question.verdict = verdict;
			return finish_decision(scratch);
		}
		if (!many)
			return 0;
	}
	return 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(hauberk_exec_arguments, struct linux_binprm *bprm)
{
	struct access access = { .operation = OPERATION_EXEC, .wanted = ACCESS_EXECUTE, .by_child = true };
	struct membership membership = {};
	struct scratch *scratch;
	int answer = 0;

	if (!find_membership(&membership) || !(membership.flags & IMAGE_HAS_ARGUMENTS))
		return 0;
	access.dentry = bprm->file->f_path.dentry;
	access.mnt = bprm->file->f_path.mnt;
	scratch = scratch_take();
	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(&membership, scratch, &access);
	if (query_access(&membership, scratch, &access, &answer)) {
		if (scratch->question.verdict & VERDICT_BY_ARGUMENTS)
			answer = finish_arguments(&membership, scratch, &access, bprm);
		else
			answer = decide_called(scratch, bprm);
	}
	scratch_return(scratch);
	return answer;
}

#endif
