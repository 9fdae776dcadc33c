/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_CAPABILITY_HOOKS_H
#define HAUBERK_CAPABILITY_HOOKS_H

#include "hardened.h"

/* include/linux/security.h: the kernel asks without meaning to use it. */
#define CAP_OPT_NOAUDIT (1 << 1)

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

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	if (decide_hardened_capability(&membership, namespace, capability, access.unreported))
		return -EPERM;
	if (!decides(&membership, CLASS_CAPABILITIES))
		return 0;
	return decide(&membership, &access) ? -EPERM : 0;
}

#endif
