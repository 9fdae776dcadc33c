/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of files, which rules may name, and executable memory that no file is good for, which a preset forbids.
 */
#ifndef HAUBERK_MAPPING_HOOKS_H
#define HAUBERK_MAPPING_HOOKS_H

#include "drift.h"
#include "loader.h"
#include "program_uses.h"

/* include/uapi/asm-generic/mman-common.h and mman.h */
#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define MAP_TYPE 0x0f
#define MAP_PRIVATE 0x02
/* include/linux/mm.h */
#define VM_EXEC 0x4
#define VM_SHARED 0x8
#define VM_MAYWRITE 0x20
/* include/uapi/linux/magic.h: memory files of large pages are of a mount of the kernel's own */
#define HUGETLBFS_MAGIC 0x958458f6

/*
 * The file's address as a plain number. A mapping may be of no file, and the
 * verifiers disagree about the pointer: older ones believe that it is never
 * NULL and remove the question, and since the hook's file is marked as nullable
 * (7.0, and backports of it) newer ones refuse to add a member's offset to it.
 */
static __always_inline struct file *as_number(struct file *file)
{
	unsigned long address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &file);
	return (struct file *)address;
}

/* Whether memory mapped from there has no file that a rule could name: /dev/zero, a memory file, shared memory. */
static __always_inline bool is_anonymous(struct file *file)
{
	struct super_block *sb;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFCHR)
		return true;
	sb = BPF_CORE_READ(file, f_inode, i_sb);
	return (BPF_CORE_READ(sb, s_flags) & SB_NOUSER) || BPF_CORE_READ(sb, s_magic) == HUGETLBFS_MAGIC;
}

/* Names a memory file of memfd_create(2), which unlike other memory holds what a program has written to a file. */
static __always_inline bool is_memory_file(struct dentry *dentry)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, 7, BPF_CORE_READ(dentry, d_name.name));
	return !__builtin_memcmp(name, "memfd:\0", 8);
}

/* Executable memory of a file. Anonymous memory, shared or not, is another preset's. */
static __always_inline int decide_mapped_drift(struct membership *membership, struct file *file, __u32 operation,
					       bool was_reported)
{
	struct path path;

	if (!(membership->flags & IMAGE_DECIDES_DRIFT) || !file)
		return 0;
	if (is_anonymous(file)) {
		path.dentry = BPF_CORE_READ(file, f_path.dentry);
		path.mnt = BPF_CORE_READ(file, f_path.mnt);
		if (!is_memory_file(path.dentry))
			return 0;
	} else {
		path_of(file, &path);
	}
	return decide_drift(membership, &path, operation, was_reported);
}

static __always_inline int decide_anonymous(struct membership *membership, __u32 operation)
{
	struct access access = {
		.subject = SUBJECT_PRESETS,
		.operation = operation,
		.wanted = ACCESS_USE,
		.key = KEY_PRESET,
		.detail = PRESET_ANONYMOUS_MAPPING,
	};

	return decides(membership, CLASS_PRESETS) ? decide(membership, &access) : 0;
}

/* The kernel maps the program itself, once it has been decided to be run. */
static __always_inline bool is_own_program(struct membership *membership, const struct path *path)
{
	struct inode *inode = BPF_CORE_READ(path->dentry, d_inode);
	struct task_struct *task = membership->task;

	return BPF_CORE_READ(task, mm, exe_file, f_inode) == inode;
}

/* What may be done with memory of a file is asked of the file, however its descriptor came. */
static __always_inline int decide_mapped_file(struct membership *membership, const struct path *path, __u32 operation,
					      __u32 wanted)
{
	struct access access = {
		.dentry = path->dentry,
		.mnt = path->mnt,
		.operation = operation,
		.was_reported = !(wanted & ACCESS_MAP),
	};
	int denied = 0;

	if (is_nameless(access.dentry))
		return 0;
	if (!(membership->flags & IMAGE_DECIDES_MAPPINGS))
		wanted &= ~ACCESS_MAP;
	access.wanted = wanted;
	if (wanted && decides(membership, CLASS_FILE))
		denied = decide(membership, &access);
	return denied;
}

/* What is asked of a file's memory beside what rules say of its path. */
static __always_inline int decide_mapped(struct membership *membership, const struct path *path, __u32 operation,
					 __u32 wanted, bool own)
{
	int denied = decide_mapped_file(membership, path, operation, wanted);

	if (!denied && (wanted & ACCESS_MAP) && !own)
		denied = decide_program_use(membership, path->dentry, path->mnt, operation);
	return denied;
}

SEC("lsm/mmap_file")
int BPF_PROG(hauberk_mmap_file, struct file *mapped, unsigned long requested, unsigned long protection,
	     unsigned long flags)
{
	struct file *file = as_number(mapped);
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	bool executable = protection & PROT_EXEC;
	struct membership membership = {};
	bool writable, own = false;
	struct path path;
	__u32 wanted;
	int denied = 0;

	if ((!file && !executable) || !find_membership(&membership) || !membership.confined)
		return 0;
	if (file && membership.context && (membership.context->flags & TASK_LOADS) && (executable || (flags & MAP_DENYWRITE)))
		check_library(&membership, file);
	if (is_anonymous(file)) {
		if (!executable)
			return 0;
		denied = decide_anonymous(&membership, OPERATION_MAP);
	} else {
		path_of(file, &path);
		writable = shared && (BPF_CORE_READ(file, f_mode) & FMODE_WRITE);
		own = is_own_program(&membership, &path);
		/* What is written there would be run. */
		if (executable && (writable || (protection & PROT_WRITE)))
			denied = decide_anonymous(&membership, OPERATION_MAP);
		wanted = (own ? 0 : ACCESS_READ | (writable ? ACCESS_WRITE : 0)) | (executable ? ACCESS_MAP : 0);
		if (!denied)
			denied = decide_mapped(&membership, &path, OPERATION_MAP, wanted, own);
	}
	if (denied || !executable)
		return denied;
	return decide_mapped_drift(&membership, file, OPERATION_MAP, own);
}

/* Whether what the memory holds need not be what the file holds: it was written to, or may be at any time. */
static __always_inline bool is_written(struct vm_area_struct *area)
{
	unsigned long flags = BPF_CORE_READ(area, vm_flags);

	return BPF_CORE_READ(area, anon_vma) || ((flags & VM_SHARED) && (flags & VM_MAYWRITE));
}

SEC("lsm/file_mprotect")
int BPF_PROG(hauberk_file_mprotect, struct vm_area_struct *area, unsigned long requested, unsigned long protection)
{
	bool was_executable = BPF_CORE_READ(area, vm_flags) & VM_EXEC;
	struct membership membership = {};
	bool own = false;
	struct file *file;
	struct path path;
	int denied = 0;

	if (!(protection & PROT_EXEC) || (was_executable && !(protection & PROT_WRITE)))
		return 0;
	if (!find_membership(&membership) || !membership.confined)
		return 0;
	file = BPF_CORE_READ(area, vm_file);
	if (is_anonymous(file)) {
		denied = decide_anonymous(&membership, OPERATION_PROTECT);
	} else {
		path_of(file, &path);
		if ((protection & PROT_WRITE) || is_written(area))
			denied = decide_anonymous(&membership, OPERATION_PROTECT);
		own = is_own_program(&membership, &path);
		if (!denied && !was_executable)
			denied = decide_mapped(&membership, &path, OPERATION_PROTECT, ACCESS_MAP, own);
	}
	if (denied || was_executable)
		return denied;
	return decide_mapped_drift(&membership, file, OPERATION_PROTECT, own);
}

#endif
