/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that is asked when a file is opened, in one program: who opens is found out once. */
#ifndef HAUBERK_OPEN_HOOKS_H
#define HAUBERK_OPEN_HOOKS_H

#include "file_hooks.h"
#include "filesystems.h"
#include "keep.h"
#include "presets.h"

static __always_inline __u32 wanted_of(struct file *file)
{
	__u32 wanted = 0;

	if (file->f_mode & FMODE_READ)
		wanted |= ACCESS_READ;
	if (file->f_mode & FMODE_WRITE)
		wanted |= ACCESS_WRITE;
	/* Mode 3 of open(2) asks for no more than ioctl, yet it opens: take it for both. */
	return wanted ? wanted : ACCESS_READ | ACCESS_WRITE;
}

SEC("lsm/file_open")
int BPF_PROG(hauberk_file_open, struct file *file)
{
	struct membership found = {};
	int denied;

	if (!find_membership(&found) || !found.member)
		return 0;
	denied = keep_own_open(&found, file);
	if (denied)
		return denied;
	/*
	 * A file opened to be run is bprm_check_security's to decide, and one that
	 * overlayfs opens below itself has been decided by its upper name.
	 */
	if (!(file->f_flags & FMODE_EXEC) && !(file->f_mode & FMODE_NOACCOUNT)) {
		denied = decide_member_file(&found, file->f_path.dentry, file->f_path.mnt, OPERATION_OPEN,
					    wanted_of(file));
		if (!denied)
			denied = decide_filesystem(&found, file, OPERATION_OPEN);
		if (denied)
			return denied;
	}
	return decide_opened(&found, file);
}

/* A descriptor that comes from another process, whoever opened it and when: what it is good for is asked anew. */
SEC("lsm/file_receive")
int BPF_PROG(hauberk_file_receive, struct file *file)
{
	struct membership found = {};
	int denied;

	if ((file->f_mode & FMODE_PATH) || !find_membership(&found) || !found.member)
		return 0;
	denied = decide_member_file(&found, file->f_path.dentry, file->f_path.mnt, OPERATION_RECEIVE, wanted_of(file));
	return denied ? denied : decide_filesystem(&found, file, OPERATION_RECEIVE);
}

#endif
