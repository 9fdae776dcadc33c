/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HAUBERK_FILE_HOOKS_H
#define HAUBERK_FILE_HOOKS_H

#include "guard.h"
#include "rename.h"
#include "system_calls.h"

static __always_inline int decide_confined_file(struct membership *membership, struct dentry *dentry, struct vfsmount *mnt,
					      __u32 operation, __u32 wanted)
{
	struct access access = { .dentry = dentry, .mnt = mnt, .operation = operation, .wanted = wanted };

	if (!(membership->flags & (1 << CLASS_FILE | IMAGE_OBSERVES_PATHS | IMAGE_HAS_SOURCES)) || is_nameless(dentry))
		return 0;
	observe_path(membership, operation, dentry, mnt);
	if (decides(membership, CLASS_FILE) ||
	    ((membership->flags & IMAGE_HAS_SOURCES) && (wanted & (ACCESS_WRITE | ACCESS_CREATE))))
		return decide(membership, &access);
	return 0;
}

static __always_inline int decide_file(struct dentry *dentry, struct vfsmount *mnt, __u32 operation, __u32 wanted)
{
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	return decide_confined_file(&membership, dentry, mnt, operation, wanted);
}

SEC("lsm/path_truncate")
int BPF_PROG(hauberk_path_truncate, const struct path *path)
{
	return decide_file(path->dentry, path->mnt, OPERATION_TRUNCATE, ACCESS_WRITE);
}

/* ftruncate(2); the kernel asks here since 6.2, and at path_truncate before. */
SEC("?lsm/file_truncate")
int BPF_PROG(hauberk_file_truncate, struct file *file)
{
	return decide_file(file->f_path.dentry, file->f_path.mnt, OPERATION_TRUNCATE, ACCESS_WRITE);
}

SEC("lsm/path_unlink")
int BPF_PROG(hauberk_path_unlink, const struct path *directory, struct dentry *dentry)
{
	return decide_file(dentry, directory->mnt, OPERATION_UNLINK, ACCESS_DELETE);
}

SEC("lsm/path_rmdir")
int BPF_PROG(hauberk_path_rmdir, const struct path *directory, struct dentry *dentry)
{
	return decide_file(dentry, directory->mnt, OPERATION_RMDIR, ACCESS_DELETE);
}

SEC("lsm/path_mkdir")
int BPF_PROG(hauberk_path_mkdir, const struct path *directory, struct dentry *dentry, unsigned short mode)
{
	return decide_file(dentry, directory->mnt, OPERATION_MKDIR, ACCESS_CREATE);
}

/* A node of this number; events report it by the name that a rule has for it. */
static __always_inline int decide_new_node(struct membership *membership, struct access *access, __u32 mode, __u32 device)
{
	struct scratch *scratch = scratch_take();
	int answer = 0;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, access);
	scratch->question.place = find_actor(scratch);
	if (scratch->question.place == PATH_OK) {
		begin_number(scratch, mode, device, 0);
		scratch->node.decided = RULE_NONE;
		answer = decide_number(scratch);
	} else {
		answer = refuse_unresolved(scratch, scratch->question.place);
	}
	scratch_return(scratch);
	return answer;
}

/* include/linux/kdev_t.h: what mknod(2) is given, as the kernel keeps it. */
static __always_inline __u32 decode_device(__u32 device)
{
	return (device & 0xfff00) << 12 | (device >> 12 & 0xfff00) | (device & 0xff);
}

SEC("lsm/path_mknod")
int BPF_PROG(hauberk_path_mknod, const struct path *directory, struct dentry *dentry, unsigned short mode, unsigned int device)
{
	struct access access = {
		.dentry = dentry,
		.mnt = directory->mnt,
		.operation = OPERATION_MKNOD,
		.wanted = ACCESS_CREATE,
	};
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_confined_file(&membership, dentry, directory->mnt, OPERATION_MKNOD, ACCESS_CREATE);
	if (denied || !is_node(mode) || !decides(&membership, CLASS_FILE))
		return denied;
	return decide_new_node(&membership, &access, mode, decode_device(device));
}

SEC("lsm/path_symlink")
int BPF_PROG(hauberk_path_symlink, const struct path *directory, struct dentry *dentry, const char *target)
{
	struct names names = {
		.dentries = { dentry, dentry },
		.mounts = { directory->mnt, directory->mnt },
		.operation = OPERATION_SYMLINK,
		.wanted = ACCESS_CREATE,
		.beside = true,
	};
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	denied = decide_confined_file(&membership, dentry, directory->mnt, OPERATION_SYMLINK, ACCESS_CREATE);
	return denied ? denied : guard_names(&membership, &names);
}

/* Under another name anything may be done to a file; a directory's content is guarded, and so is a link. */
static __always_inline __u32 leaving(struct membership *membership, struct dentry *dentry)
{
	__u32 mapping = membership->flags & IMAGE_DECIDES_MAPPINGS ? ACCESS_MAP : 0;

	return is_directory(dentry) ? 0 : ACCESS_READ | ACCESS_WRITE | ACCESS_DELETE | ACCESS_ATTRIBUTES | mapping;
}

/* Giving a file a name creates that name, and what had it before is lost. */
static __always_inline __u32 arriving(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_inode) ? ACCESS_CREATE | ACCESS_WRITE | ACCESS_DELETE : ACCESS_CREATE;
}

/* A link gives its target another name, so the target's own name is checked too, and both must be decided alike. */
SEC("lsm/path_link")
int BPF_PROG(hauberk_path_link, struct dentry *target, const struct path *directory, struct dentry *dentry)
{
	struct names names = {
		.dentries = { target, dentry },
		.mounts = { directory->mnt, directory->mnt },
		.operation = OPERATION_LINK,
		.wanted = ACCESS_LINK,
	};
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	/* What may be done by the new name is compared below. */
	denied = decide_confined_file(&membership, target, directory->mnt, OPERATION_LINK, ACCESS_LINK);
	if (!denied)
		denied = decide_confined_file(&membership, dentry, directory->mnt, OPERATION_LINK,
					    ACCESS_LINK | arriving(dentry));
	return denied ? denied : guard_names(&membership, &names);
}

SEC("lsm/path_rename")
int BPF_PROG(hauberk_path_rename, const struct path *old_directory, struct dentry *old_dentry,
	     const struct path *new_directory, struct dentry *new_dentry)
{
	__u32 checks[2] = {}, wanted[2] = {};
	struct membership membership = {};
	int denied;

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	checks[0] = ACCESS_RENAME | leaving(&membership, old_dentry);
	checks[1] = ACCESS_RENAME | arriving(new_dentry);
	/* Each of the two gets the other's name. */
	if (renames_with(ctx, RENAME_EXCHANGE)) {
		checks[0] |= arriving(old_dentry);
		checks[1] |= leaving(&membership, new_dentry);
	}
	/* A node is made under the name that is left. */
	if (renames_with(ctx, RENAME_WHITEOUT))
		checks[0] |= ACCESS_CREATE;
	/* The verifier does not know what a copy holds, and so goes through the rest once, not once for each combination. */
	bpf_probe_read_kernel(wanted, sizeof(wanted), checks);
	denied = decide_confined_file(&membership, old_dentry, old_directory->mnt, OPERATION_RENAME, wanted[0]);
	if (denied)
		return denied;
	return decide_confined_file(&membership, new_dentry, new_directory->mnt, OPERATION_RENAME, wanted[1]);
}

/* A program of its own, since both together take the verifier too long. */
SEC("lsm/path_rename")
int BPF_PROG(hauberk_guard_rename, const struct path *old_directory, struct dentry *old_dentry,
	     const struct path *new_directory, struct dentry *new_dentry)
{
	struct names names = {
		.dentries = { old_dentry, new_dentry },
		.mounts = { old_directory->mnt, new_directory->mnt },
		.operation = OPERATION_RENAME,
		.wanted = ACCESS_RENAME,
	};
	struct membership membership = {};
	bool guarded, exchanged = renames_with(ctx, RENAME_EXCHANGE);

	if (!find_membership(&membership) || !membership.confined)
		return 0;
	/* Of two names that are exchanged either may be the directory's or link's; it is the same question. */
	guarded = is_directory(old_dentry) || is_directory(new_dentry) || (exchanged && is_symbolic_link(new_dentry));
	if (!guarded && is_symbolic_link(old_dentry)) {
		guarded = true;
		if (!exchanged) {
			names.dentries[GUARD_BEFORE] = new_dentry;
			names.mounts[GUARD_BEFORE] = new_directory->mnt;
			names.beside = true;
		}
	}
	return guarded ? guard_names(&membership, &names) : 0;
}

SEC("lsm/path_chmod")
int BPF_PROG(hauberk_path_chmod, const struct path *path, unsigned short mode)
{
	return decide_file(path->dentry, path->mnt, OPERATION_CHMOD, ACCESS_ATTRIBUTES);
}

SEC("lsm/path_chown")
int BPF_PROG(hauberk_path_chown, const struct path *path, __u64 uid, __u64 gid)
{
	return decide_file(path->dentry, path->mnt, OPERATION_CHOWN, ACCESS_ATTRIBUTES);
}

#endif
