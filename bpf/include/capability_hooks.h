/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_CAPABILITY_HOOKS_H
#define HAUBERK_CAPABILITY_HOOKS_H

#include "hardened.h"

/* include/linux/security.h: the kernel asks without meaning to use it. */
#define CAP_OPT_NOAUDIT (1 << 1)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cred___access {
	int non_rcu;
};

#pragma clang attribute pop

/*
 * Whether the kernel acts with the credentials of somebody else on its own account (override_creds), as overlayfs changes
 * its layers with those of who mounted it, once the process itself was found to be allowed the change.
 */
static __always_inline bool is_for_kernel(const struct cred *cred)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct___rings *submitter = (void *)task;
	struct cred___access *access = (void *)cred;

	if (cred != BPF_CORE_READ(task, cred) || cred == BPF_CORE_READ(task, real_cred))
		return false;
	/* access(2) asks with a copy of the process's own, which is nobody else's. */
	if (bpf_core_field_exists(access->non_rcu) && BPF_CORE_READ(access, non_rcu))
		return false;
	/* Requests of io_uring run with credentials that the process has registered. */
	return !(BPF_CORE_READ(task, flags) & PF_IO_WORKER) &&
	       !(bpf_core_field_exists(submitter->io_uring) && BPF_CORE_READ(submitter, io_uring));
}

SEC("lsm/capable")
int BPF_PROG(hauberk_capable, const struct cred *cred, struct user_namespace *namespace, int capability,
	     unsigned int options)
{
	struct access access = {
		.subject = SUBJECT_CAPABILITIES,
		.detail = capability,
		.operation = OPERATION_USE,
		.wanted = ACCESS_USE,
		.unreported = options & CAP_OPT_NOAUDIT,
	};
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined || is_for_kernel(cred))
		return 0;
	if (decide_hardened_capability(&membership, namespace, capability, access.unreported))
		return -EPERM;
	if (!decides(&membership, CLASS_CAPABILITIES))
		return 0;
	return decide(&membership, &access) ? -EPERM : 0;
}

#endif
