/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that a rule forbids to run is not to be had by another name either, nor by a loader that maps it. */
#ifndef HAUBERK_PROGRAM_USES_H
#define HAUBERK_PROGRAM_USES_H

#include "decide.h"

static __always_inline int decide_program_use(struct membership *found, struct dentry *dentry, struct vfsmount *mnt,
					      __u32 operation)
{
	struct access access = {
		.dentry = dentry,
		.mnt = mnt,
		.operation = operation,
		.wanted = ACCESS_EXECUTE,
		.by_rules = true,
	};

	if (!decides(found, CLASS_PROCESS) || is_nameless(dentry))
		return 0;
	return decide(found, &access);
}

#endif
