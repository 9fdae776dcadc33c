/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the kernel sees a page of memory. Architecture-specific: x86-64 only, Documentation/x86/x86_64/mm.rst. */
#ifndef HAUBERK_PAGES_H
#define HAUBERK_PAGES_H

#include "kernel.h"

#define PAGE_BYTES 4096

extern const void page_offset_base __ksym __weak;
extern const void vmemmap_base __ksym __weak;

/* The address of what a page holds; 0 where it cannot be known. */
static __always_inline __u64 address_of_page(__u64 page)
{
#if defined(__TARGET_ARCH_x86)
	__u64 pages = 0, base = 0;

	if (!&page_offset_base || !&vmemmap_base)
		return 0;
	bpf_probe_read_kernel(&pages, sizeof(pages), &vmemmap_base);
	bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base);
	return base + (page - pages) / bpf_core_type_size(struct page) * PAGE_BYTES;
#else
	return 0;
#endif
}

#endif
