/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be changed of a file beside its content, mode and owner: extended
 * attributes, among them access control lists, times, and flags.
 */
#ifndef HAUBERK_ATTRIBUTE_HOOKS_H
#define HAUBERK_ATTRIBUTE_HOOKS_H

#include "mount_search.h"

/* include/linux/fs.h */
#define ATTR_SIZE (1 << 3)
#define ATTR_ATIME (1 << 4)
#define ATTR_MTIME (1 << 5)
#define ATTR_TOUCH (1 << 17)

/* include/uapi/linux/fs.h, ext4.h, fsverity.h and msdos_fs.h: of an ioctl's number what is no direction or size */
#define IOCTL_NUMBER(command) ((command) & 0xffff)
#define SET_FLAGS ('f' << 8 | 2)
#define SET_VERSION ('v' << 8 | 2)
#define SET_EXTENDED_FLAGS ('X' << 8 | 32)
#define SET_EXT4_VERSION ('f' << 8 | 4)
#define ENABLE_VERITY ('f' << 8 | 133)
#define SET_FAT_ATTRIBUTES ('r' << 8 | 0x11)
#define IOCTL_WRITES(command) ((command) & 1U << 30)

struct file_kattr {};

/* Since Linux 6.9 the hook is given how the mount maps ids as well, before all else. */
const volatile __u32 setattr_has_idmap = 0;

static __always_inline int decide_attributes(struct dentry *dentry, __u32 operation, __u32 wanted)
{
	struct membership membership = {};

	if (!find_membership(&membership) || !membership.confined || !decides(&membership, CLASS_FILE) || is_nameless(dentry))
		return 0;
	return decide_by_mounts(&membership, dentry, NULL, operation, wanted);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(hauberk_inode_setxattr, void *idmap, struct dentry *dentry)
{
	return decide_attributes(dentry, OPERATION_SETXATTR, ACCESS_ATTRIBUTES);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(hauberk_inode_removexattr, void *idmap, struct dentry *dentry)
{
	return decide_attributes(dentry, OPERATION_SETXATTR, ACCESS_ATTRIBUTES);
}

/* Before Linux 6.2 lists are set as the extended attributes that they are kept in. */
SEC("?lsm/inode_set_acl")
int BPF_PROG(hauberk_inode_set_acl, void *idmap, struct dentry *dentry)
{
	return decide_attributes(dentry, OPERATION_SETXATTR, ACCESS_ATTRIBUTES);
}

SEC("?lsm/inode_remove_acl")
int BPF_PROG(hauberk_inode_remove_acl, void *idmap, struct dentry *dentry)
{
	return decide_attributes(dentry, OPERATION_SETXATTR, ACCESS_ATTRIBUTES);
}

/* Mode, owner and size are checked where their paths are known. */
SEC("lsm/inode_setattr")
int hauberk_inode_setattr(__u64 *context)
{
	struct dentry *dentry = (void *)context[0];
	struct iattr *attributes = (void *)context[1];
	unsigned int valid;

	if (setattr_has_idmap) {
		dentry = (void *)context[1];
		attributes = (void *)context[2];
	}
	valid = BPF_CORE_READ(attributes, ia_valid);
	if (!(valid & (ATTR_ATIME | ATTR_MTIME)) || (valid & ATTR_SIZE))
		return 0;
	/* Setting them to the current time is what writing does, so whoever may write may do it. */
	return decide_attributes(dentry, OPERATION_UTIME,
				 ACCESS_ATTRIBUTES | (valid & ATTR_TOUCH ? ACCESS_WRITE : 0));
}

/* file_setattr(2), and from then on what the ioctls set. */
SEC("?lsm/inode_file_setattr")
int BPF_PROG(hauberk_inode_file_setattr, struct dentry *dentry)
{
	return decide_attributes(dentry, OPERATION_CHATTR, ACCESS_ATTRIBUTES);
}

static __always_inline int decide_ioctl(struct file *file, unsigned int command)
{
	struct membership membership = {};
	struct access access = { .operation = OPERATION_CHATTR, .wanted = ACCESS_ATTRIBUTES };

	switch (IOCTL_NUMBER(command)) {
	case SET_FLAGS:
	case SET_EXTENDED_FLAGS:
		/* Asked about at inode_file_setattr, as file_setattr(2) is. */
		if (bpf_core_type_exists(struct file_kattr))
			return 0;
		break;
	case SET_VERSION:
	case SET_EXT4_VERSION:
	case ENABLE_VERITY:
	case SET_FAT_ATTRIBUTES:
		break;
	default:
		return 0;
	}
	if (!IOCTL_WRITES(command))
		return 0;
	access.dentry = file->f_path.dentry;
	access.mnt = file->f_path.mnt;
	if (!find_membership(&membership) || !membership.confined || !decides(&membership, CLASS_FILE) || is_nameless(access.dentry))
		return 0;
	return decide(&membership, &access);
}

SEC("lsm/file_ioctl")
int BPF_PROG(hauberk_file_ioctl, struct file *file, unsigned int command)
{
	return decide_ioctl(file, command);
}

/* Of 32-bit programs, where they are not checked at file_ioctl. */
SEC("?lsm/file_ioctl_compat")
int BPF_PROG(hauberk_file_ioctl_compat, struct file *file, unsigned int command)
{
	return decide_ioctl(file, command);
}

#endif
