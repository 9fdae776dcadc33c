/* SPDX-License-Identifier: GPL-2.0-only */
/* Open files by their descriptors. */
#ifndef HAUBERK_DESCRIPTORS_H
#define HAUBERK_DESCRIPTORS_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct___files {
	struct files_struct *files;
};

#pragma clang attribute pop

static __always_inline struct file *file_of(struct task_struct *task, __u32 descriptor)
{
	struct task_struct___files *holder = (void *)task;
	struct fdtable *table = BPF_CORE_READ(holder, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return file;
}

#endif
