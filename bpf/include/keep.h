/* SPDX-License-Identifier: GPL-2.0-only */
/* Refuses what is Hauberk's own to those who may not reach it, and tells of it. */
#ifndef HAUBERK_KEEP_H
#define HAUBERK_KEEP_H

#include "owner.h"
#include "report.h"

/* What the event says was to be reached. */
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

/* Refuses, counts and tells. */
static __always_inline int refuse_outsider(struct membership *found, struct own_object *object)
{
	struct scratch *scratch;

	/* As `ps` asks of every process. */
	if (object->unreported) {
		count(COUNTER_EVENT_SPECULATIVE);
		return -EPERM;
	}
	count(COUNTER_REFUSED + PATH_PROTECTED);
	scratch = scratch_take();
	if (!scratch)
		return -EPERM;
	scratch->question.container = found->container;
	scratch->question.generation = found->generation;
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

/* What is asked wherever a file is reached: the answer for one that is not Hauberk's is quick. */
static __always_inline int keep_own_dentry(struct dentry *dentry, struct vfsmount *mnt, __u32 operation)
{
	struct own_object object = { .dentry = dentry, .mnt = mnt, .rule_class = CLASS_FILE, .operation = operation };
	struct owner *owner = find_owner();
	struct membership found = {};

	if (!owner || !is_near_own(owner, BPF_CORE_READ(dentry, d_sb)) || !is_outsider(owner, &found) ||
	    !is_own_file(address_of(dentry)))
		return 0;
	return refuse_outsider(&found, &object);
}

static __always_inline bool is_in_own_group(__u64 address)
{
	struct dentry *file = (void *)address;

	return is_own_dentry(OWN_GROUP, BPF_CORE_READ(file, d_parent));
}

/* The same for a file that is opened, by a task of which it is known who it is. */
static __always_inline int keep_own_open(struct membership *found, struct file *file)
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
	if (!dentry || is_of_owner(owner, found->task))
		return 0;
	/* The host's service manager writes there. */
	if (!is_own_file(dentry) && (found->host || !(file->f_mode & FMODE_WRITE) || !is_in_own_group(dentry)))
		return 0;
	if ((found->host || is_in_owners_container(owner, found)) && !owner_lives(owner))
		return 0;
	return refuse_outsider(found, &object);
}

#endif
