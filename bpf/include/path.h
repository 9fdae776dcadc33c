/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths from the mount namespace's root, whatever the task's own root is: the
 * walk goes up through parents and mount points, as fs/d_path.c does, but does
 * not stop at a chroot.
 */
#ifndef HAUBERK_PATH_H
#define HAUBERK_PATH_H

#include "automaton.h"
#include "kernel.h"

/* Each step is one name or one mount; PATH_BYTES_MAX holds half as many names. */
#define PATH_STEPS_MAX (PATH_BYTES_MAX / 2 + 64)
#define PATH_ATTEMPTS 8
/* In so many nothing may be renamed anywhere; from then on, nothing on the way. */
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
	/* It may go by way of hosts, or to hosts, that nobody was asked about. */
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
static __always_inline __u32 rename_sequence(void)
{
	__u32 sequence = 0;

	if (&rename_lock)
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

/* What open_tree(2) and fsmount(2) make lies in a namespace of its own until it is mounted: nothing there has a name. */
static __always_inline bool is_detached(struct mnt_namespace *namespace)
{
	struct mnt_namespace___anonymous *anonymous = (void *)namespace;

	if (bpf_core_field_exists(anonymous->is_anon))
		return BPF_CORE_READ(anonymous, is_anon);
	return !BPF_CORE_READ(namespace, ns.inum);
}

/* The walk has come to the root of the outermost mount: is that the root of a namespace? */
static __always_inline __u32 path_end(struct mount *mount)
{
	struct mnt_namespace *namespace = BPF_CORE_READ(mount, mnt_ns);

	if (!namespace)
		return PATH_UNREACHABLE;
	if ((long)namespace < 0 && (long)namespace > -4096)
		return PATH_INTERNAL;
	return is_detached(namespace) ? PATH_UNREACHABLE : PATH_OK;
}

/* How often a dentry has got another name or parent, in the lowest bit whether it is getting one. */
static __always_inline __u32 name_sequence(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_seq.seqcount.sequence);
}

/* FNV-1a, by Fowler, Noll and Vo. */
#define MARK_START 0xcbf29ce484222325ULL
#define MARK_FACTOR 0x100000001b3ULL

static __always_inline __u64 mark_with(__u64 mark, __u64 value)
{
	return (mark ^ value) * MARK_FACTOR;
}

static long path_step(__u32 step, struct path_buffer **context)
{
	struct path_buffer *path = *context;
	struct path_walk *walk = &path->walk;
	struct dentry *dentry = (void *)walk->dentry, *parent;
	struct mount *mount = (void *)walk->mount;
	__u32 sequence = 0;
	struct qstr name;

	if (walk->dentry == walk->root) {
		struct mount *outer = BPF_CORE_READ(mount, mnt_parent);

		if (outer == mount) {
			walk->result = path_end(mount);
			return 1;
		}
		walk->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = (__u64)outer;
		walk->root = (__u64)BPF_CORE_READ(outer, mnt.mnt_root);
		return 0;
	}
	if (walk->compares)
		sequence = name_sequence(dentry);
	parent = BPF_CORE_READ(dentry, d_parent);
	/* In one read; a step is most of what a path costs. */
	name = BPF_CORE_READ(dentry, d_name);
	if (name.len >= NAME_BYTES_MAX || name.len + 1 > walk->offset) {
		walk->result = PATH_TOO_LONG;
		return 1;
	}
	walk->offset -= name.len;
	bpf_probe_read_kernel(&path->bytes[path_index(walk->offset)], name.len & (NAME_BYTES_MAX - 1), name.name);
	if (walk->compares) {
		walk->mark = mark_with(mark_with(walk->mark, walk->dentry), sequence);
		walk->moving |= (sequence & 1) | (sequence != name_sequence(dentry));
	}
	if (parent == dentry) {
		/* A name without a tree: good for a report only. */
		walk->result = BPF_CORE_READ(dentry, d_sb, s_magic) == NSFS_MAGIC ? PATH_INTERNAL : PATH_UNREACHABLE;
		return 1;
	}
	walk->offset--;
	path->bytes[path_index(walk->offset)] = '/';
	walk->dentry = (__u64)parent;
	return 0;
}

/*
 * A walk is good if nothing was renamed anywhere meanwhile. Where that does not
 * come about, two that came by the same dentries are good, none of which was
 * changed from the one walk to the other.
 */
static long path_attempt(__u32 attempt, struct path_buffer **context)
{
	struct path_buffer *path = *context;
	struct path_walk *walk = &path->walk;
	struct mount *mount = (void *)walk->start_mount;
	__u32 sequence = rename_sequence();

	walk->dentry = walk->start_dentry;
	walk->mount = walk->start_mount;
	walk->root = (__u64)BPF_CORE_READ(mount, mnt.mnt_root);
	walk->offset = PATH_BYTES_MAX;
	walk->result = PATH_TOO_LONG;
	walk->compares = attempt >= PATH_PLAIN_ATTEMPTS;
	walk->mark = MARK_START;
	walk->moving = false;
	if (walk->directory)
		path->bytes[path_index(--walk->offset)] = '/';
	bpf_loop(PATH_STEPS_MAX, path_step, context, 0);
	if (!(sequence & 1) && sequence == rename_sequence())
		return 1;
	if (walk->compares && !walk->moving && walk->mark == walk->last_mark)
		return 1;
	walk->last_mark = walk->compares && !walk->moving ? walk->mark : 0;
	walk->result = PATH_UNSTABLE;
	return 0;
}

static __always_inline bool is_directory(struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	return inode && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR;
}

/*
 * A function of its own for the verifier too, which goes through it once and
 * not once a call. It takes no typed pointers: where to start stands in the walk.
 */
__noinline int path_walk_up(struct path_buffer *path)
{
	struct dentry *dentry;

	if (!path)
		return PATH_UNAVAILABLE;
	dentry = (void *)path->walk.start_dentry;
	path->walk.directory = path->walk.as_directory || is_directory(dentry);
	path->walk.last_mark = 0;
	/* Some kernels take nothing but the stack for a callback's context. */
	bpf_loop(PATH_ATTEMPTS, path_attempt, &path, 0);
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
