/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree that is mounted twice gives its files two names. Where a container
 * has mounted one so, its files are decided by all of their names in its mount
 * namespace: those that other mounts of the same filesystem give them.
 */
#ifndef HAUBERK_ALIASES_H
#define HAUBERK_ALIASES_H

#include "maps.h"
#include "mounts.h"
#include "path.h"

/* Names of one file; who makes more is refused. */
#define ALIASES_MAX 8

static __always_inline bool has_aliases(struct scratch *scratch)
{
	struct container_key container = scratch->question.container;

	return (scratch->question.image_flags & IMAGE_HAS_GUARDS) && bpf_map_lookup_elem(&aliased, &container);
}

static __always_inline void begin_aliases_in(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mnt,
					     struct mnt_namespace *namespace)
{
	struct aliases *aliases = &scratch->aliases;

	aliases->dentry = (__u64)dentry;
	aliases->mount = (__u64)mount_of(mnt);
	aliases->namespace = (__u64)namespace;
	begin_mounts(&aliases->mounts, BPF_CORE_READ(dentry, d_sb));
}

static __always_inline void begin_aliases(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mnt)
{
	begin_aliases_in(scratch, dentry, mnt, BPF_CORE_READ(mount_of(mnt), mnt_ns));
}

/* Writes the file's name below the mount that was found; false where that shows another part of the filesystem. */
static __always_inline bool place_alias(struct scratch *scratch)
{
	scratch->path.walk.start_dentry = scratch->aliases.dentry;
	scratch->path.walk.start_mount = scratch->aliases.other_mount;
	if (path_walk_up(&scratch->path) != PATH_OK)
		return false;
	scratch->question.match.offset = scratch->path.walk.offset;
	return true;
}

static long alias_step(__u32 step, struct scratch **context)
{
	struct scratch *scratch = *context;
	struct aliases *aliases = &scratch->aliases;
	struct mount *mount = next_mount(&aliases->mounts);

	if (!mount) {
		aliases->other_mount = 0;
		return 1;
	}
	if ((__u64)mount == aliases->mount || (__u64)BPF_CORE_READ(mount, mnt_ns) != aliases->namespace)
		return 0;
	aliases->other_mount = (__u64)mount;
	if (place_alias(scratch))
		return 1;
	aliases->other_mount = 0;
	return 0;
}

/* Writes the file's next other name into the buffer; the mount that gives it is left in the aliases. */
__noinline int next_alias(struct scratch *scratch)
{
	if (!scratch)
		return false;
	scratch->aliases.other_mount = 0;
	bpf_loop(MOUNTS_MAX, alias_step, &scratch, 0);
	return scratch->aliases.other_mount != 0;
}

#endif
