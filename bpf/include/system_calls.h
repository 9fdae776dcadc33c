/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls, which are reported and never refused: as they are made, by the program that is attached only while a
 * rule needs it, and by the paths that the hooks of other concerns have found. A call that leads to no such hook cannot
 * be named by a rule with a path.
 */
#ifndef HAUBERK_SYSTEM_CALLS_H
#define HAUBERK_SYSTEM_CALLS_H

#include "decide.h"

#define NO_CALL CALLS_MAX

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/thread_info.h */
#define TS_COMPAT 0x0002
/* A call of the x32 interface: but for the newest, its numbers are those of 64-bit programs. */
#define X32_CALL 0x40000000
#define X32_SPECIAL 512

static __always_inline __u32 call_number(struct task_struct *task, __u32 number)
{
	__u32 narrow = 0;

	if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT) {
		narrow = CALL_32_BIT;
	} else if (number & X32_CALL) {
		number &= ~X32_CALL;
		if (number >= X32_SPECIAL)
			return NO_CALL;
	}
	return number < CALLS_MAX ? number | narrow : NO_CALL;
}

#define current_number(registers) ((registers)->orig_ax)
#else
/* arch/arm64/include/asm/thread_info.h */
#define TIF_32BIT 22

/* The numbers of 32-bit programs are others, and not known. */
static __always_inline __u32 call_number(struct task_struct *task, __u32 number)
{
	if (BPF_CORE_READ(task, thread_info.flags) & (1UL << TIF_32BIT))
		return NO_CALL;
	return number < CALLS_MAX ? number : NO_CALL;
}

#define current_number(registers) ((registers)->syscallno)
#endif

/* Whether a rule covers the call: checked before its path and the acting program, which cost more, are looked up. */
static __always_inline bool image_has_rule_for_call(struct scratch *scratch)
{
	scratch->question.match.offset = PATH_BYTES_MAX;
	if (place_before(scratch) != PATH_OK)
		return false;
	/* Of an image that has just come the whole question is asked. */
	return image_classify(scratch) != IMAGE_ANSWERED || scratch->question.match.speaks;
}

static __always_inline void observe_call(struct membership *membership, struct access *access)
{
	struct scratch *scratch = scratch_take();
	int answer;

	if (!scratch) {
		count(COUNTER_EVENT_NO_BUFFER);
		return;
	}
	question_begin(membership, scratch, access);
	scratch->key.first = access->key;
	scratch->key.detail = access->detail;
	scratch->key.number = access->number;
	scratch->key.name = 0;
	if (image_has_rule_for_call(scratch) && query_access(membership, scratch, access, &answer))
		finish_decision(scratch);
	scratch_return(scratch);
}

#define NO_POINT -1

/* At which point a hook sees a path that the call under way was given. */
static __always_inline int point_of(__u32 operation)
{
	switch (operation) {
	case OPERATION_OPEN:
		return POINT_OPEN;
	case OPERATION_EXEC:
		return POINT_EXECUTE;
	case OPERATION_TRUNCATE:
		return POINT_TRUNCATE;
	case OPERATION_UNLINK:
	case OPERATION_RMDIR:
		return POINT_DELETE;
	case OPERATION_MKDIR:
	case OPERATION_MKNOD:
	case OPERATION_SYMLINK:
		return POINT_CREATE;
	case OPERATION_LINK:
		return POINT_LINK;
	case OPERATION_RENAME:
		return POINT_RENAME;
	case OPERATION_CHMOD:
	case OPERATION_CHOWN:
		return POINT_ATTRIBUTES;
	case OPERATION_MOUNT:
	case OPERATION_UNMOUNT:
		return POINT_MOUNT;
	/* As where a file comes over a socket: the call was given no path. */
	default:
		return NO_POINT;
	}
}

/* Reports the call that is under way by a path that it was given. */
static __always_inline void observe_path(struct membership *membership, __u32 operation, struct dentry *dentry,
					 struct vfsmount *mnt)
{
	struct access access = {
		.subject = SUBJECT_SYSCALLS,
		.operation = OPERATION_CALL,
		.key = KEY_SYSCALL,
		.detail = point_of(operation),
		.wanted = ACCESS_USE,
		.dentry = dentry,
		.mnt = mnt,
	};
	struct pt_regs *registers;

	if (point_of(operation) == NO_POINT || !(membership->flags & IMAGE_OBSERVES_PATHS))
		return;
	registers = (void *)bpf_task_pt_regs(membership->task);
	access.number = call_number(membership->task, current_number(registers));
	if (access.number != NO_CALL)
		observe_call(membership, &access);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(hauberk_sys_enter, struct pt_regs *registers, long number)
{
	struct access access = {
		.subject = SUBJECT_SYSCALLS,
		.operation = OPERATION_CALL,
		.key = KEY_SYSCALL,
		.detail = POINT_ENTRY,
		.wanted = ACCESS_USE,
	};
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined || !(membership.flags & IMAGE_OBSERVES_CALLS))
		return 0;
	access.number = call_number(membership.task, number);
	if (access.number != NO_CALL)
		observe_call(&membership, &access);
	return 0;
}

#endif
