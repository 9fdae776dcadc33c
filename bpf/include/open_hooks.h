/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that is checked when a file is opened, in one program, so that the task is looked up once. */
#ifndef HAUBERK_OPEN_HOOKS_H
#define HAUBERK_OPEN_HOOKS_H

#include "file_hooks.h"
#include "filesystems.h"
#include "holding.h"
#include "self_protection.h"
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
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = protect_own_open(&membership, file);
	if (denied)
		return denied;
	/*
	 * A file opened to be run is bprm_check_security's to decide, and one that
	 * overlayfs opens below itself has been decided by its upper name.
	 */
	if (!(file->f_flags & FMODE_EXEC) && !(file->f_mode & FMODE_NOACCOUNT)) {
		denied = decide_confined_file(&membership, file->f_path.dentry, file->f_path.mnt, OPERATION_OPEN,
					    wanted_of(file));
		if (!denied)
			denied = decide_filesystem(&membership, file, OPERATION_OPEN);
		if (denied)
			return denied;
	}
	return decide_opened(&membership, file);
}

/* A descriptor that comes from another process, whoever opened it and when: what it may be used for is decided again. */
SEC("lsm/file_receive")
int BPF_PROG(hauberk_file_receive, struct file *file)
{
	struct membership membership = {};
	int denied;

	if ((file->f_mode & FMODE_PATH) || !find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_confined_file(&membership, file->f_path.dentry, file->f_path.mnt, OPERATION_RECEIVE, wanted_of(file));
	return denied ? denied : decide_filesystem(&membership, file, OPERATION_RECEIVE);
}

/* include/linux/fs.h */
#define MAY_WRITE 0x2
#define MAY_READ 0x4

/* Whether a file was opened before rules came that refuse it, or may have been. */
static __always_inline bool is_held(struct membership *membership, struct file *file)
{
	struct held_key key = { .container = membership->container, .file = address_of(file) };

	if (bpf_map_lookup_elem(&held, &key))
		return true;
	key.file = 0;
	return bpf_map_lookup_elem(&held, &key);
}

/*
 * Every read and write of the machine comes by here, so it is attached only
 * while a container holds such a file: src/control/holder-search.ts.
 */
SEC("lsm/file_permission")
int BPF_PROG(hauberk_file_permission, struct file *file, int mask)
{
	struct access access = {
		.operation = OPERATION_USE,
		.wanted = (mask & MAY_READ ? ACCESS_READ : 0) | (mask & MAY_WRITE ? ACCESS_WRITE : 0),
		.was_reported = true,
	};
	struct membership membership = {};

	if (!access.wanted || (file->f_flags & FMODE_EXEC) || (file->f_mode & FMODE_NOACCOUNT))
		return 0;
	if (!find_membership(&membership) || !membership.confined || !decides(&membership, CLASS_FILE) || !is_held(&membership, file))
		return 0;
	access.dentry = file->f_path.dentry;
	access.mnt = file->f_path.mnt;
	return is_nameless(access.dentry) ? 0 : decide(&membership, &access);
}

#endif
