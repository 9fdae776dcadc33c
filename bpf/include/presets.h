/* SPDX-License-Identifier: GPL-2.0-only */
/* The presets about programs and /proc; the one about memory is in mapping_hooks.h. */
#ifndef HAUBERK_PRESETS_H
#define HAUBERK_PRESETS_H

#include "drift.h"
#include "hardened.h"

/* Stand between a preset's detail and the path. */
static const char program_named[] = "a";
static const char program_unlinked[] = "b";
static const char process_entry[] = "a";
static const char process_environment[] = "e";

static __always_inline int decide_preset(struct membership *membership, struct file *file, __u32 operation, __u32 detail,
					 const char *name)
{
	struct access access = {
		.subject = SUBJECT_PRESETS,
		.operation = operation,
		.key = KEY_PRESET,
		.detail = detail,
		.wanted = ACCESS_USE,
		.name = name,
	};

	if (file) {
		access.dentry = file->f_path.dentry;
		access.mnt = file->f_path.mnt;
	}
	return decide(membership, &access);
}

/* Memory files and deleted ones have no name any more; what is in /dev/shm is reported by its path. */
static __always_inline int decide_fileless(struct membership *membership, struct file *file)
{
	bool unlinked = !BPF_CORE_READ(file, f_inode, i_nlink);

	return decide_preset(membership, unlinked ? NULL : file, OPERATION_EXEC, PRESET_FILELESS,
			     unlinked ? program_unlinked : program_named);
}

/*
 * A program that is run from outside in a container that is already there: by
 * `docker exec`, say. Its first process has the id 1. Where the container has
 * no process ids of its own, the two cannot be distinguished.
 */
static __always_inline int decide_session(struct membership *membership, struct file *file)
{
	if (membership->confined || membership->container.pid_namespace == host_pid_namespace ||
	    pid_at_level(membership->task->group_leader, membership->task->thread_pid->level) == 1)
		return 0;
	return decide_preset(membership, file, OPERATION_EXEC, PRESET_SESSION, NULL);
}

static __always_inline int decide_exec_presets(struct membership *membership, struct file *file)
{
	struct path path = { .mnt = file->f_path.mnt, .dentry = file->f_path.dentry };
	int denied;

	if (!decides(membership, CLASS_PRESETS))
		return 0;
	denied = decide_fileless(membership, file);
	if (!denied)
		denied = decide_drift(membership, &path, OPERATION_EXEC, false);
	return denied ? denied : decide_session(membership, file);
}

/* The process an entry of /proc belongs to; 0 for an entry of none. */
static __always_inline __u32 process_of(struct inode *inode)
{
	struct proc_inode *entry = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	struct hlist_node *node = BPF_CORE_READ(entry, pid, tasks[0].first);
	struct task_struct *task;

	if (!node)
		return 0;
	task = (void *)node - bpf_core_field_offset(struct task_struct, pid_links);
	return BPF_CORE_READ(task, tgid);
}

static __always_inline bool is_environment(struct dentry *dentry)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	return BPF_CORE_READ(dentry, d_name.len) == 7 && !__builtin_memcmp(name, "environ", 8);
}

/* A process's memory, which this file writes to in spite of how it is mapped. */
static __always_inline bool writes_to_memory(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	char name[4] = {};

	if (!(file->f_mode & FMODE_WRITE) || BPF_CORE_READ(dentry, d_name.len) != 3)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	return !__builtin_memcmp(name, "mem", 4);
}

/* What presets say of a file that is opened: an entry of another process in /proc, a device, or what steers the host. */
static __always_inline int decide_opened(struct membership *membership, struct file *file)
{
	__u32 process = 0, detail = PRESET_HARDENED;
	const char *name = NULL;
	struct inode *inode;

	if (!decides(membership, CLASS_PRESETS))
		return 0;
	bpf_probe_read_kernel(&inode, sizeof(inode), &file->f_inode);
	if (BPF_CORE_READ(inode, i_sb, s_magic) == PROC_SUPER_MAGIC)
		process = process_of(inode);
	if (process) {
		if (writes_to_memory(file) &&
		    decide_preset(membership, NULL, OPERATION_OPEN, PRESET_ANONYMOUS_MAPPING, NULL))
			return -EACCES;
		if (process == membership->task->tgid)
			return 0;
		detail = PRESET_PROCESS_ENTRY;
		name = is_environment(file->f_path.dentry) ? process_environment : process_entry;
	} else if (!is_raw_device(inode) &&
		   (!(file->f_mode & FMODE_WRITE) || !steers_host(address_of(file->f_path.dentry)))) {
		return 0;
	}
	return decide_preset(membership, file, OPERATION_OPEN, detail, name);
}

#endif
