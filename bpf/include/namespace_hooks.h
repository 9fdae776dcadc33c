/* SPDX-License-Identifier: GPL-2.0-only */
/* User namespaces, in which a process without privileges has them all. */
#ifndef HAUBERK_NAMESPACE_HOOKS_H
#define HAUBERK_NAMESPACE_HOOKS_H

#include "decide.h"

/* Since Linux 6.1. */
SEC("?lsm/userns_create")
int BPF_PROG(hauberk_userns_create, const struct cred *cred)
{
	struct access access = {
		.subject = SUBJECT_NAMESPACES,
		.operation = OPERATION_UNSHARE,
		.key = KEY_NAMESPACE,
		.wanted = ACCESS_USE,
	};
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined || !decides(&membership, CLASS_NAMESPACES))
		return 0;
	return decide(&membership, &access) ? -EPERM : 0;
}

#endif
