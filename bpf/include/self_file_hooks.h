/* SPDX-License-Identifier: GPL-2.0-only */
/* Hauberk's pins and files, but their opening: see open_hooks.h. */
#ifndef HAUBERK_SELF_FILE_HOOKS_H
#define HAUBERK_SELF_FILE_HOOKS_H

#include "self_protection.h"

SEC("lsm/inode_unlink")
int BPF_PROG(hauberk_self_unlink, struct inode *directory, struct dentry *dentry)
{
	return protect_own_dentry(dentry, NULL, OPERATION_UNLINK);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(hauberk_self_rmdir, struct inode *directory, struct dentry *dentry)
{
	return protect_own_dentry(dentry, NULL, OPERATION_RMDIR);
}

SEC("lsm/inode_link")
int BPF_PROG(hauberk_self_link_to_file, struct dentry *target, struct inode *directory, struct dentry *dentry)
{
	int denied = protect_own_dentry(target, NULL, OPERATION_LINK);

	return denied ? denied : protect_own_dentry(dentry, NULL, OPERATION_LINK);
}

static __always_inline int protect_dentry_name(struct dentry *dentry)
{
	struct own_object object = { .dentry = dentry, .rule_class = CLASS_FILE, .operation = OPERATION_RENAME };
	struct owner *owner = find_owner();
	struct membership membership = {};

	/* What is above is looked for everywhere: it may lie on other filesystems. */
	if (!owner || !is_directory(dentry) || !is_own_dentry(OWN_WAY, dentry) || !is_outsider(owner, &membership))
		return protect_own_dentry(dentry, NULL, OPERATION_RENAME);
	return refuse_outsider(&membership, &object);
}

SEC("lsm/inode_rename")
int BPF_PROG(hauberk_self_rename, struct inode *old_directory, struct dentry *old_dentry, struct inode *new_directory,
	     struct dentry *new_dentry)
{
	int denied = protect_dentry_name(old_dentry);

	return denied ? denied : protect_dentry_name(new_dentry);
}

SEC("lsm/path_mkdir")
int BPF_PROG(hauberk_self_mkdir, const struct path *directory, struct dentry *dentry)
{
	return protect_own_dentry(dentry, directory->mnt, OPERATION_MKDIR);
}

SEC("lsm/path_symlink")
int BPF_PROG(hauberk_self_symlink, const struct path *directory, struct dentry *dentry)
{
	return protect_own_dentry(dentry, directory->mnt, OPERATION_SYMLINK);
}

SEC("lsm/path_mknod")
int BPF_PROG(hauberk_self_mknod, const struct path *directory, struct dentry *dentry)
{
	return protect_own_dentry(dentry, directory->mnt, OPERATION_MKNOD);
}

SEC("lsm/path_chmod")
int BPF_PROG(hauberk_self_mode, const struct path *path)
{
	return protect_own_dentry(path->dentry, path->mnt, OPERATION_CHMOD);
}

SEC("lsm/path_chown")
int BPF_PROG(hauberk_self_file_owner, const struct path *path)
{
	return protect_own_dentry(path->dentry, path->mnt, OPERATION_CHOWN);
}

SEC("lsm/path_truncate")
int BPF_PROG(hauberk_self_length, const struct path *path)
{
	return protect_own_dentry(path->dentry, path->mnt, OPERATION_TRUNCATE);
}

#endif
