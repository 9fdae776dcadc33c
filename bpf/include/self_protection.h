/* SPDX-License-Identifier: GPL-2.0-only */
/* Refuses access to what is Hauberk's own to processes that may not reach it, and reports it. */
#ifndef HAUBERK_SELF_PROTECTION_H
#define HAUBERK_SELF_PROTECTION_H

#include "owner.h"
#include "report.h"

/* The object that the event reports. */
struct own_object {
	struct dentry *dentry;
	struct vfsmount *mnt;		/* NULL: of the dentry the last name only */
	const void *name;		/* without a dentry */
	__u8 rule_class;
	__u8 operation;
	bool unreported;
};

#define OWN_NAME_BYTES 64

/* Writes a name where a path would stand, and returns where it starts. */
static __always_inline __u32 place_own_name(struct scratch *scratch, const void *name)
{
	long read = bpf_probe_read_kernel_str(scratch->paths, OWN_NAME_BYTES, name);
	__u32 bytes = read > 0 ? (read - 1) & (OWN_NAME_BYTES - 1) : 0;
	__u32 start = PATH_BYTES_MAX - bytes;

	bpf_probe_read_kernel(&scratch->path.bytes[path_index(start)], bytes, scratch->paths);
	return start;
}

static __always_inline void place_own_object(struct scratch *scratch, struct own_object *object)
{
	struct match *match = &scratch->question.match;
	struct dentry *dentry = object->dentry;
	const void *name = object->name;

	match->offset = PATH_BYTES_MAX;
	if (dentry && object->mnt) {
		path_build(&scratch->path, dentry, object->mnt, &match->offset);
		return;
	}
	if (dentry)
		name = BPF_CORE_READ(dentry, d_name.name);
	if (name)
		match->offset = place_own_name(scratch, name);
}

/* Refuses, counts and reports. */
static __always_inline int refuse_outsider(struct membership *membership, struct own_object *object)
{
	struct scratch *scratch;

	/* As `ps` does for every process. */
	if (object->unreported) {
		count(COUNTER_EVENT_SPECULATIVE);
		return -EPERM;
	}
	count(COUNTER_REFUSED + PATH_PROTECTED);
	scratch = scratch_take();
	if (!scratch)
		return -EPERM;
	scratch->question.container = membership->container;
	scratch->question.image_id = membership->image_id;
	scratch->question.verdict = ACTION_BLOCK << VERDICT_ACTION_SHIFT | RULE_NONE;
	scratch->record.flags = 0;
	scratch->record.wanted = 1;
	scratch->record.operation = object->operation;
	scratch->record.rule_class = object->rule_class;
	scratch->record.path_result = PATH_PROTECTED;
	place_own_object(scratch, object);
	report(scratch);
	scratch_return(scratch);
	return -EPERM;
}

/* Called wherever a file is reached: quick for files that are not Hauberk's. */
static __always_inline int protect_own_dentry(struct dentry *dentry, struct vfsmount *mnt, __u32 operation)
{
	struct own_object object = { .dentry = dentry, .mnt = mnt, .rule_class = CLASS_FILE, .operation = operation };
	struct owner *owner = find_owner();
	struct membership membership = {};

	if (!owner || !is_near_own(owner, BPF_CORE_READ(dentry, d_sb)) || !is_outsider(owner, &membership) ||
	    !is_own_file(address_of(dentry)))
		return 0;
	return refuse_outsider(&membership, &object);
}

static __always_inline bool is_in_own_group(__u64 address)
{
	struct dentry *file = (void *)address;

	return is_own_dentry(OWN_GROUP, BPF_CORE_READ(file, d_parent));
}

/* The same for a file that is opened, when the task's membership is known already. */
static __always_inline int protect_own_open(struct membership *membership, struct file *file)
{
	struct owner *owner = find_owner();
	struct own_object object = {
		.dentry = file->f_path.dentry,
		.mnt = file->f_path.mnt,
		.rule_class = CLASS_FILE,
		.operation = OPERATION_OPEN,
	};
	__u64 dentry;

	if (!owner || !is_near_own(owner, BPF_CORE_READ(file, f_inode, i_sb)))
		return 0;
	dentry = dentry_of(BPF_CORE_READ(file, f_inode));
	if (!dentry || is_of_owner(owner, membership->task))
		return 0;
	/* The host's service manager writes there. */
	if (!is_own_file(dentry) && (membership->host || !(file->f_mode & FMODE_WRITE) || !is_in_own_group(dentry)))
		return 0;
	if ((membership->host || is_in_owners_container(owner, membership)) && !owner_lives(owner))
		return 0;
	return refuse_outsider(membership, &object);
}

#endif
