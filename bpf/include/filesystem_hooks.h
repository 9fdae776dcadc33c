/* SPDX-License-Identifier: GPL-2.0-only */
/* Files by the type of the filesystem they lie on. */
#ifndef HAUBERK_FILESYSTEM_HOOKS_H
#define HAUBERK_FILESYSTEM_HOOKS_H

#include "decide.h"

/* What a runtime opens in a container before it has run anything there is its own affair; what it runs there is not. */
static __always_inline int decide_filesystem(struct file *file, __u32 operation)
{
	struct access access = {
		.subject = SUBJECT_FILESYSTEMS,
		.operation = operation,
		.letter = LETTER_FILESYSTEM,
		.wanted = ACCESS_WORD,
	};
	struct dentry *dentry = file->f_path.dentry;
	struct membership found = {};

	if (!find_membership(&found) || !decides(&found, CLASS_FILESYSTEMS) ||
	    (!found.member && operation != OPERATION_EXEC))
		return 0;
	access.dentry = dentry;
	access.mnt = file->f_path.mnt;
	access.name = BPF_CORE_READ(dentry, d_sb, s_type, name);
	if (is_nameless(dentry))
		return 0;
	return decide(&found, &access);
}

SEC("lsm/file_open")
int BPF_PROG(hauberk_filesystem_open, struct file *file)
{
	/* As in hauberk_file_open. */
	if ((file->f_flags & FMODE_EXEC) || (file->f_mode & FMODE_NOACCOUNT))
		return 0;
	return decide_filesystem(file, OPERATION_OPEN);
}

SEC("lsm/bprm_check_security")
int BPF_PROG(hauberk_filesystem_exec, struct linux_binprm *bprm)
{
	return decide_filesystem(bprm->file, OPERATION_EXEC);
}

#endif
