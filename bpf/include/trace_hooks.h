/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking into other processes, as ptrace(2) and parts of /proc do. */
#ifndef HAUBERK_TRACE_HOOKS_H
#define HAUBERK_TRACE_HOOKS_H

#include "hardened.h"

/* include/linux/ptrace.h */
#define PTRACE_MODE_ATTACH 0x02
#define PTRACE_MODE_NOAUDIT 0x04

/* Twin: TRACE_OPERATIONS in src/policy/model.ts. */
enum trace_detail {
	TRACE_READ = 0,
	TRACE_ATTACH = 1,
};

static __always_inline int decide_trace(struct task_struct *traced, __u32 detail, bool unreported)
{
	struct access access = {
		.subject = SUBJECT_PTRACE,
		.operation = OPERATION_TRACE,
		.key = KEY_TRACE,
		.detail = detail,
		.wanted = ACCESS_USE,
		.unreported = unreported,
	};
	struct membership membership = {};
	struct file *program;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	program = BPF_CORE_READ(traced, mm, exe_file);
	if (decide_hardened_trace(&membership, traced, program, unreported))
		return -EPERM;
	if (!decides(&membership, CLASS_PTRACE))
		return 0;
	/* A kernel thread runs no program: the object key ends there. */
	if (program) {
		access.dentry = BPF_CORE_READ(program, f_path.dentry);
		access.mnt = BPF_CORE_READ(program, f_path.mnt);
	}
	return decide(&membership, &access) ? -EPERM : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(hauberk_ptrace_access_check, struct task_struct *traced, unsigned int mode)
{
	return decide_trace(traced, mode & PTRACE_MODE_ATTACH ? TRACE_ATTACH : TRACE_READ, mode & PTRACE_MODE_NOAUDIT);
}

/* A process that asks its parent to trace it: the program is its own. */
SEC("lsm/ptrace_traceme")
int BPF_PROG(hauberk_ptrace_traceme, struct task_struct *parent)
{
	return decide_trace(bpf_get_current_task_btf(), TRACE_ATTACH, false);
}

#endif
