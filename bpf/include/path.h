/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths from the mount namespace's root, whatever the task's own root is: the
 * walk goes up through parents and mount points, as fs/d_path.c does, but does
 * not stop at a chroot.
 */
#ifndef HAUBERK_PATH_H
#define HAUBERK_PATH_H

#include "automaton.h"
#include "dentry_name.h"
#include "direct.h"
#include "kernel.h"

/* Each step is one name or one mount; PATH_BYTES_MAX holds half as many names. */
#define PATH_STEPS_MAX (PATH_BYTES_MAX / 2 + 64)
#define PATH_ATTEMPTS 8
/* During the first attempts, this many, nothing may be renamed anywhere; after them, nothing on the way. */
#define PATH_PLAIN_ATTEMPTS 3

enum path_result {
	PATH_OK = 0,
	PATH_TOO_LONG = 1,
	/* The mount is in no namespace, or in that of a detached tree alone; or the file never had a name in a tree. */
	PATH_UNREACHABLE = 2,
	/* Renames kept changing the tree while it was read. */
	PATH_UNSTABLE = 3,
	/* No buffer was free, or the program is no longer the one that was run. */
	PATH_UNAVAILABLE = 4,
	/* A question for a name that cannot be read. */
	PATH_UNREADABLE = 5,
	/* What was to be reached is Hauberk's own: see owner.h. */
	PATH_PROTECTED = 6,
	/* It may pass, or go to, hosts that were not checked. */
	PATH_ROUTED = 7,
	/*
	 * Nothing that a rule could name: on a mount of the kernel's own, as overlayfs has for its layers, or a namespace,
	 * which has no other name than `net:[4026531840]`.
	 */
	PATH_INTERNAL = 8,
};

/*
 * Taken for writing by every rename: a reader that sees it change has read two
 * trees. Kernels without CONFIG_KALLSYMS_ALL do not give its address away.
 */
extern const void rename_lock __ksym __weak;

#ifndef RENAMED_ALL_THE_TIME
static __always_inline __u32 rename_sequence(bool direct)
{
	__u32 sequence = 0;

	if (!&rename_lock)
		return 0;
	if (direct)
		return DIRECT(seqcount, &rename_lock)->sequence;
	bpf_probe_read_kernel(&sequence, sizeof(sequence), &rename_lock);
	return sequence;
}
#endif

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	void *address = NULL;

	/* The verifier allows no arithmetic on a typed pointer: take it as a number. */
	bpf_probe_read_kernel(&address, sizeof(address), &mnt);
	return address - bpf_core_field_offset(struct mount, mnt);
}

/* What open_tree(2) and fsmount(2) make is in a namespace of its own until it is mounted: nothing there has a name. */
static __always_inline bool is_detached(struct mnt_namespace *namespace, bool direct)
{
	struct mnt_namespace___anonymous *anonymous = (void *)namespace;

	if (bpf_core_field_exists(anonymous->is_anon))
		return READ_MEMBER(direct, mnt_namespace___anonymous, anonymous, is_anon);
	return !READ_MEMBER(direct, mnt_namespace, namespace, ns.inum);
}

/* The walk has come to the root of the outermost mount: is that the root of a namespace? */
static __always_inline __u32 path_end(struct mount *mount, bool direct)
{
	struct mnt_namespace *namespace = READ_MEMBER(direct, mount, mount, mnt_ns);

	if (!namespace)
		return PATH_UNREACHABLE;
	if ((long)namespace < 0 && (long)namespace > -4096)
		return PATH_INTERNAL;
	return is_detached(namespace, direct) ? PATH_UNREACHABLE : PATH_OK;
}

/* FNV-1a, by Fowler, Noll and Vo. */
#define MARK_START 0xcbf29ce484222325ULL
#define MARK_FACTOR 0x100000001b3ULL

static __always_inline __u64 mark_with(__u64 mark, __u64 value)
{
	return (mark ^ value) * MARK_FACTOR;
}

/*
 * Between reads whose order matters. A helper's call has never been more than
 * a compiler's barrier; x86 keeps the order of loads by itself.
 */
static __always_inline void walk_fence(struct path_walk *walk)
{
#ifndef __TARGET_ARCH_x86
	__sync_lock_test_and_set(&walk->fence, 0);
#endif
}

static __always_inline long path_step(struct path_buffer **context, bool direct)
{
	struct path_buffer *path = *context;
	struct path_walk *walk = &path->walk;
	__u64 dentry = walk->dentry;
	struct dentry_name *name = &walk->name;

	if (dentry == walk->root) {
		__u64 mount = walk->mount, outer = (__u64)READ_MEMBER(direct, mount, mount, mnt_parent);

		if (outer == mount) {
			walk->result = path_end((void *)mount, direct);
			return 1;
		}
		walk->dentry = (__u64)READ_MEMBER(direct, mount, mount, mnt_mountpoint);
		walk->mount = outer;
		walk->root = (__u64)READ_MEMBER(direct, mount, outer, mnt.mnt_root);
		return 0;
	}
	read_dentry_name(name, dentry, direct);
	/* One more for the slash. */
	if (name->length >= NAME_BYTES_MAX || name->length >= walk->offset) {
		walk->result = PATH_TOO_LONG;
		return 1;
	}
	walk->offset -= name->length + 1;
	copy_name(path, name, dentry, walk->offset + 1, direct);
	if (walk->compares) {
		__u32 sequence;

		/* What the walk before read of this name does not matter, only that it has not changed since. */
		walk_fence(walk);
		sequence = name_sequence(dentry, direct);
		walk->mark = mark_with(mark_with(walk->mark, dentry), sequence);
		walk->moving |= sequence & 1;
	}
	if (name->parent == dentry) {
		/* A name without a tree: good for a report only. */
		walk->offset++;
		walk->result = BPF_CORE_READ((struct dentry *)dentry, d_sb, s_magic) == NSFS_MAGIC ? PATH_INTERNAL :
													   PATH_UNREACHABLE;
		return 1;
	}
	path->bytes[path_index(walk->offset)] = '/';
	walk->dentry = name->parent;
	return 0;
}

static long path_step_direct(__u32 step, struct path_buffer **context)
{
	return path_step(context, true);
}

static long path_step_by_helper(__u32 step, struct path_buffer **context)
{
	return path_step(context, false);
}

/*
 * A walk is good if nothing was renamed anywhere meanwhile. Failing that, two walks by the same dentries are good if
 * none of these was changed between them.
 */
static __always_inline long path_attempt(__u32 attempt, struct path_buffer **context, bool direct)
{
	struct path_buffer *path = *context;
	struct path_walk *walk = &path->walk;
	__u32 sequence = rename_sequence(direct);

	walk_fence(walk);
	walk->dentry = walk->start_dentry;
	walk->mount = walk->start_mount;
	walk->root = (__u64)READ_MEMBER(direct, mount, walk->start_mount, mnt.mnt_root);
	walk->offset = PATH_BYTES_MAX;
	walk->result = PATH_TOO_LONG;
	walk->compares = attempt >= PATH_PLAIN_ATTEMPTS;
	walk->mark = MARK_START;
	walk->moving = false;
	if (walk->directory)
		path->bytes[path_index(--walk->offset)] = '/';
	if (direct)
		bpf_loop(PATH_STEPS_MAX, path_step_direct, context, 0);
	else
		bpf_loop(PATH_STEPS_MAX, path_step_by_helper, context, 0);
	walk_fence(walk);
	if (!(sequence & 1) && sequence == rename_sequence(direct))
		return 1;
	if (walk->compares && !walk->moving && walk->mark == walk->last_mark)
		return 1;
	walk->last_mark = walk->compares && !walk->moving ? walk->mark : 0;
	walk->result = PATH_UNSTABLE;
	return 0;
}

static long path_attempt_direct(__u32 attempt, struct path_buffer **context)
{
	return path_attempt(attempt, context, true);
}

static long path_attempt_by_helper(__u32 attempt, struct path_buffer **context)
{
	return path_attempt(attempt, context, false);
}

static __always_inline bool has_inode_of(__u32 type, __u64 dentry, bool direct)
{
	__u64 inode = (__u64)READ_MEMBER(direct, dentry, dentry, d_inode);

	return inode && (READ_MEMBER(direct, inode, inode, i_mode) & S_IFMT) == type;
}

static __always_inline bool is_directory(struct dentry *dentry)
{
	return has_inode_of(S_IFDIR, (__u64)dentry, false);
}

static __always_inline bool is_symbolic_link(struct dentry *dentry)
{
	return has_inode_of(S_IFLNK, (__u64)dentry, false);
}

/*
 * A function of its own for the verifier too, which goes through it once and
 * not once a call. It takes no typed pointers: where to start stands in the walk.
 */
__noinline int path_walk_up(struct path_buffer *path)
{
	if (!path)
		return PATH_UNAVAILABLE;
	path->walk.last_mark = 0;
	/* Some kernels take nothing but the stack for a callback's context. */
	if (has_rdonly_cast) {
		path->walk.directory = path->walk.as_directory || has_inode_of(S_IFDIR, path->walk.start_dentry, true);
		bpf_loop(PATH_ATTEMPTS, path_attempt_direct, &path, 0);
	} else {
		path->walk.directory = path->walk.as_directory || has_inode_of(S_IFDIR, path->walk.start_dentry, false);
		bpf_loop(PATH_ATTEMPTS, path_attempt_by_helper, &path, 0);
	}
	/* The root itself has no name, only its slash. */
	if (path->walk.result == PATH_OK && path->walk.offset == PATH_BYTES_MAX) {
		path->walk.offset--;
		path->bytes[PATH_BYTES_MAX - 1] = '/';
	}
	return path->walk.result;
}

/* As path_build, by addresses; the mount's is that of its struct mount. */
static __always_inline __u32 path_build_below(struct path_buffer *path, __u64 dentry, __u64 mount, __u32 *offset)
{
	__u32 result;

	path->walk.start_dentry = dentry;
	path->walk.start_mount = mount;
	path->walk.as_directory = false;
	result = path_walk_up(path);
	*offset = path->walk.offset;
	return result;
}

/*
 * Writes the path of a name below a mount into the buffer and its start into
 * offset. A directory's path ends in a slash.
 */
static __always_inline __u32 path_build(struct path_buffer *path, struct dentry *dentry, struct vfsmount *mnt,
					__u32 *offset)
{
	return path_build_below(path, (__u64)dentry, (__u64)mount_of(mnt), offset);
}

#endif
