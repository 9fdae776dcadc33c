/* SPDX-License-Identifier: GPL-2.0-only */
/* How renameat2(2) was asked to rename. */
#ifndef HAUBERK_RENAME_H
#define HAUBERK_RENAME_H

#include "kernel.h"

/* Since Linux 5.19 the hook is given the flags as well; before, it was asked twice about an exchange. */
const volatile __u32 rename_has_flags = 0;
/* include/uapi/linux/fs.h */
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4

/* Of path_rename's arguments. */
static __always_inline bool renames_with(const unsigned long long *arguments, __u32 flag)
{
	return rename_has_flags && (arguments[4] & flag);
}

#endif
