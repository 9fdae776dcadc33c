/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sendmmsg(2) asks about the first of several messages to one address, and not
 * about those behind it: what these say is looked for in the program's memory.
 */
#ifndef HAUBERK_SEVERAL_MESSAGES_H
#define HAUBERK_SEVERAL_MESSAGES_H

#include "ancillary.h"
#include "system_calls.h"

/* More than that beside a message is refused. */
#define BESIDE_BYTES_MAX 1024
#define BESIDE_HEADERS_MAX (BESIDE_BYTES_MAX / sizeof(struct control_header))
/* UIO_MAXIOV: the kernel takes no more at once. */
#define MESSAGES_MAX 1024

/* struct mmsghdr of 64-bit programs */
struct user_message {
	__u64 name;
	__u64 name_bytes;
	__u64 pieces;
	__u64 pieces_count;
	__u64 control;
	__u64 control_bytes;
	__u64 flags;
	__u64 sent_bytes;
};

struct several_messages {
	__u64 at;
	__u32 count;
	bool leads_elsewhere;	/* out */
};

#if defined(__TARGET_ARCH_x86)
#define CALL_SENDMMSG 307
#define CALL_SENDMMSG_X32 (X32_CALL | 538)
#define CALL_SENDMMSG_32_BIT 345
#define CALL_SOCKETCALL_32_BIT 102
#define SOCKETCALL_SENDMMSG 20

static __always_inline bool is_narrow(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

static __always_inline bool calls_sendmmsg(struct task_struct *task, struct pt_regs *registers)
{
	__u32 number = registers->orig_ax;

	if (!is_narrow(task))
		return number == CALL_SENDMMSG || number == CALL_SENDMMSG_X32;
	return number == CALL_SENDMMSG_32_BIT ||
	       (number == CALL_SOCKETCALL_32_BIT && (__u32)registers->bx == SOCKETCALL_SENDMMSG);
}

#define second_argument(registers) ((registers)->si)
#define third_argument(registers) ((registers)->dx)
#else
#define CALL_SENDMMSG 269
#define CALL_SENDMMSG_32_BIT 374

static __always_inline bool is_narrow(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.flags) & (1UL << TIF_32BIT);
}

static __always_inline bool calls_sendmmsg(struct task_struct *task, struct pt_regs *registers)
{
	return registers->syscallno == (is_narrow(task) ? CALL_SENDMMSG_32_BIT : CALL_SENDMMSG);
}

#define second_argument(registers) ((registers)->regs[1])
#define third_argument(registers) ((registers)->regs[2])
#endif

/* Whether other messages may go to the same address without being asked about. */
static __always_inline bool is_one_of_several(struct task_struct *task, struct msghdr *message)
{
	struct pt_regs *registers = (void *)bpf_task_pt_regs(task);

	if (!BPF_CORE_READ(message, msg_name) || !calls_sendmmsg(task, registers))
		return false;
	return is_narrow(task) || (__u32)third_argument(registers) > 1;
}

static long message_step(__u32 step, struct several_messages *several)
{
	struct ancillary ancillary = { .is_in_program = true };
	struct user_message message = {};

	if (step >= several->count || several->leads_elsewhere)
		return 1;
	if (bpf_probe_read_user(&message, sizeof(message), (void *)(several->at + step * sizeof(message))) ||
	    message.control_bytes > BESIDE_BYTES_MAX) {
		several->leads_elsewhere = true;
		return 1;
	}
	if (!message.control_bytes)
		return 0;
	ancillary.at = message.control;
	ancillary.left = message.control_bytes;
	bpf_loop(BESIDE_HEADERS_MAX, header_step, &ancillary, 0);
	several->leads_elsewhere = ancillary.leads_elsewhere;
	return 0;
}

/* Those of 32-bit programs are not read, and refused. */
static __always_inline bool others_lead_elsewhere(struct task_struct *task)
{
	struct pt_regs *registers = (void *)bpf_task_pt_regs(task);
	struct several_messages several = {};

	if (is_narrow(task))
		return true;
	several.at = second_argument(registers);
	several.count = third_argument(registers);
	bpf_loop(MESSAGES_MAX, message_step, &several, 0);
	return several.leads_elsewhere;
}

#endif
