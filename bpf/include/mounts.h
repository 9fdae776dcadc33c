/* SPDX-License-Identifier: GPL-2.0-only */
/* The mounts of one filesystem, in all namespaces. */
#ifndef HAUBERK_MOUNTS_H
#define HAUBERK_MOUNTS_H

#include "kernel.h"

/* A host with very many pods has some thousand mounts of one filesystem. */
#define MOUNTS_MAX (1 << 16)

struct mount_list {
	__u64 next;	/* what links the next mount */
	__u64 end;
};

static __always_inline void begin_mounts(struct mount_list *list, struct super_block *sb)
{
	struct super_block___chain *chain = (void *)sb;

	if (bpf_core_field_exists(((struct mount___chain *)0)->mnt_next_for_sb)) {
		list->end = 0;
		list->next = (__u64)BPF_CORE_READ(chain, s_mounts);
	} else {
		list->end = (__u64)sb + bpf_core_field_offset(struct super_block, s_mounts);
		list->next = (__u64)BPF_CORE_READ(sb, s_mounts.next);
	}
}

/* NULL at the end of the list. */
static __always_inline struct mount *next_mount(struct mount_list *list)
{
	__u64 at = list->next;

	if (!at || at == list->end)
		return NULL;
	if (bpf_core_field_exists(((struct mount___chain *)0)->mnt_next_for_sb)) {
		list->next = (__u64)BPF_CORE_READ((struct mount___chain *)at, mnt_next_for_sb);
		return (struct mount *)at;
	}
	list->next = (__u64)BPF_CORE_READ((struct list_head *)at, next);
	return (struct mount *)(at - bpf_core_field_offset(struct mount, mnt_instance));
}

#endif
