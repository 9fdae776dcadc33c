/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads of the kernel's memory on the way that every decision takes. Where the
 * kernel has bpf_rdonly_cast (Linux 6.2), a read is one instruction, and gives
 * 0 where the memory is not there, as the helper does that reads elsewhere.
 */
#ifndef HAUBERK_DIRECT_H
#define HAUBERK_DIRECT_H

#include "kernel.h"

/* Set by whoever loads the programs: src/kernel/reading-constants.ts. */
const volatile __u32 has_rdonly_cast = 0;

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define DIRECT(type, address) ((struct type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(struct type)))

/* A member of a structure at an address. What is direct is known to the compiler, or costs a look at the constant. */
#define READ_MEMBER(direct, type, address, confined)			\
({									\
	struct type *object = (void *)(address);			\
	typeof(object->confined) value;					\
									\
	if (direct)							\
		value = DIRECT(type, object)->confined;			\
	else								\
		bpf_core_read(&value, sizeof(value), &object->confined);	\
	value;								\
})

#endif
