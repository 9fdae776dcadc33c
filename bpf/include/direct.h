/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads of the kernel's memory on the way that every decision takes. Where the
 * kernel has bpf_rdonly_cast (Linux 6.2), a read is one instruction, and gives
 * 0 where the memory is not there, as the helper does that reads elsewhere.
 */
#ifndef HAUBERK_DIRECT_H
#define HAUBERK_DIRECT_H

#include "kernel.h"

/* Written by who loads the programs: src/kernel/constants.ts. */
const volatile __u32 has_rdonly_cast = 0;

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define DIRECT(type, address) ((struct type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(struct type)))

/* A member of a structure at an address. What is direct is known to the compiler, or costs a look at the constant. */
#define READ_MEMBER(direct, type, address, member)			\
({									\
	struct type *object = (void *)(address);			\
	typeof(object->member) value;					\
									\
	if (direct)							\
		value = DIRECT(type, object)->member;			\
	else								\
		bpf_core_read(&value, sizeof(value), &object->member);	\
	value;								\
})

/*
 * The address of an object of the hook's as a plain number, which the verifier
 * allows arithmetic on. It goes by way of a map's memory, where the verifier
 * knows no types, and so takes no helper's call.
 */
static __always_inline __u64 untyped(__u64 *place, const void *object)
{
	*(volatile __u64 *)place = (__u64)object;
	return *(volatile __u64 *)place;
}

#endif
