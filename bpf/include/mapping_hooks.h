/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is made executable: of a file, which rules may name, and of no file, which a preset forbids. */
#ifndef HAUBERK_MAPPING_HOOKS_H
#define HAUBERK_MAPPING_HOOKS_H

#include "decide.h"

#define PROT_EXEC 0x4
#define VM_EXEC 0x4

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

/* Whether memory mapped from there is anonymous: from no file, or from a device such as /dev/zero. */
static __always_inline bool is_anonymous(struct file *file)
{
	return !file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFCHR;
}

static __always_inline int decide_mapping(struct file *asked, __u32 operation)
{
	struct file *file = as_number(asked);
	bool anonymous = is_anonymous(file);
	struct access access = { .operation = operation };
	struct membership found = {};

	if (!find_membership(&found) || !found.member)
		return 0;
	if (anonymous) {
		if (!decides(&found, CLASS_PRESETS))
			return 0;
		access.subject = SUBJECT_PRESETS;
		access.wanted = ACCESS_WORD;
		access.letter = LETTER_PRESET;
		access.detail = PRESET_ANONYMOUS_MAPPING;
	} else {
		if (!(found.flags & IMAGE_DECIDES_MAPPINGS))
			return 0;
		access.dentry = BPF_CORE_READ(file, f_path.dentry);
		access.mnt = BPF_CORE_READ(file, f_path.mnt);
		access.wanted = ACCESS_MAP;
		if (is_nameless(access.dentry))
			return 0;
	}
	return decide(&found, &access);
}

SEC("lsm/mmap_file")
int BPF_PROG(hauberk_mmap_file, struct file *file, unsigned long requested, unsigned long protection,
	     unsigned long flags)
{
	return protection & PROT_EXEC ? decide_mapping(file, OPERATION_MAP) : 0;
}

SEC("lsm/file_mprotect")
int BPF_PROG(hauberk_file_mprotect, struct vm_area_struct *area, unsigned long requested, unsigned long protection)
{
	if (!(protection & PROT_EXEC) || BPF_CORE_READ(area, vm_flags) & VM_EXEC)
		return 0;
	return decide_mapping(BPF_CORE_READ(area, vm_file), OPERATION_PROTECT);
}

#endif
