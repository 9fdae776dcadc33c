/* SPDX-License-Identifier: GPL-2.0-only */
/* Tells the daemon what the programs would find out of a file's layer: see layers.h. */
#ifndef HAUBERK_LAYER_TRIAL_H
#define HAUBERK_LAYER_TRIAL_H

#include "claim.h"
#include "layers.h"

/* Twin: LAYERS in src/kernel/layer-trial.ts. */
enum layer {
	LAYER_LOWER = 0,
	LAYER_UPPER = 1,
	LAYER_NONE = 2,		/* it is on no overlay */
};

struct layer_question {
	__u32 descriptor;	/* of the process that asks */
};

SEC("syscall")
int hauberk_find_layer(struct layer_question *question)
{
	struct file *file = file_of(bpf_get_current_task_btf(), question->descriptor);
	struct inode *inode = BPF_CORE_READ(file, f_path.dentry, d_inode);

	if (!inode)
		return -EBADF;
	if (!is_on_overlay(inode))
		return LAYER_NONE;
	return is_in_upper_layer(inode) ? LAYER_UPPER : LAYER_LOWER;
}

#endif
