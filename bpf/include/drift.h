/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The preset that lets a container execute only what its image brought,
 * unchanged: files of its root, an overlay, of which the upper layer has nothing.
 */
#ifndef HAUBERK_DRIFT_H
#define HAUBERK_DRIFT_H

#include "decide.h"
#include "layers.h"

/* Stand between the preset's detail and the path. Twin: BEHAVIOUR_KEYS in src/image/kinds/presets.ts. */
static const char drift_changed[] = "a";		/* in the upper layer */
static const char drift_elsewhere[] = "b";	/* on another filesystem, which a rule may except */
static const char drift_nameless[] = "c";	/* without a path */

/*
 * The file as a program knows it. What overlayfs maps is a file of one of its
 * layers, which is on a mount of the kernel's own.
 */
static __always_inline void path_of(struct file *file, struct path *path)
{
	struct backing_file *backing = (void *)file;

	path->dentry = BPF_CORE_READ(file, f_path.dentry);
	path->mnt = BPF_CORE_READ(file, f_path.mnt);
	if (bpf_core_field_exists(backing->user_path) && path_end(mount_of(path->mnt), false) == PATH_INTERNAL) {
		ONLY_HERE(backing);
		path->dentry = BPF_CORE_READ(backing, user_path.dentry);
		path->mnt = BPF_CORE_READ(backing, user_path.mnt);
	}
}

/* What a file is where it is not as the image brought it; NULL where it is. */
static __always_inline const char *drift_of(struct membership *membership, struct dentry *dentry)
{
	__u32 *root = bpf_map_lookup_elem(&container_roots, &membership->container);
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	/* Of a root that is not an overlay, or that could not be looked at, nothing is known. */
	if (!root || !*root || BPF_CORE_READ(inode, i_sb, s_dev) != *root || !is_on_overlay(inode))
		return drift_elsewhere;
	return is_in_upper_layer(inode) ? drift_changed : NULL;
}

/* @was_reported: what is not refused was reported when the program was run */
static __always_inline int decide_drift(struct membership *membership, const struct path *path, __u32 operation,
					bool was_reported)
{
	struct access access = {
		.subject = SUBJECT_PRESETS,
		.operation = operation,
		.key = KEY_PRESET,
		.detail = PRESET_DRIFT,
		.wanted = ACCESS_USE,
		.was_reported = was_reported,
	};

	if (!(membership->flags & IMAGE_DECIDES_DRIFT) || membership->host)
		return 0;
	access.name = drift_of(membership, path->dentry);
	if (!access.name)
		return 0;
	/* In a tree that is mounted nowhere no path leads to it, and so none excepts it. */
	if (path_end(mount_of(path->mnt), false) == PATH_OK) {
		access.dentry = path->dentry;
		access.mnt = path->mnt;
	} else {
		access.name = drift_nameless;
	}
	return decide(membership, &access);
}

#endif
