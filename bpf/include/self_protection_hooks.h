/* SPDX-License-Identifier: GPL-2.0-only */
/* Keeps Hauberk's maps, programs, pins, files and the daemon from those that they protect others from: see owner.h. */
#ifndef HAUBERK_SELF_PROTECTION_HOOKS_H
#define HAUBERK_SELF_PROTECTION_HOOKS_H

#include "mount_hooks.h"
#include "owner.h"
#include "trace_hooks.h"

#define ENOENT 2
#define EBADF 9

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct___files {
	struct files_struct *files;
};

struct sock___peer {
	struct pid *sk_peer_pid;
};

#pragma clang attribute pop

static __always_inline int claim_ownership(struct owner *owner, struct task_struct *task)
{
	if (owner_lives(owner) && !is_of_owner(owner, task))
		return -EPERM;
	owner->leader = 0;
	owner->process = task->tgid;
	owner->start_boottime = BPF_CORE_READ(task, group_leader, start_boottime);
	owner->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
	owner->container.mount_namespace = owner->mount_namespace;
	owner->container.pid_namespace = BPF_CORE_READ(active_pid_namespace(task), ns.inum);
	/* The host's own processes are no container. */
	if (owner->mount_namespace == host_mount_namespace)
		owner->container.pid_namespace = 0;
	owner->leader = (__u64)task->group_leader;
	return 0;
}

static __always_inline struct file *file_of(struct task_struct *task, __u32 descriptor)
{
	struct task_struct___files *holder = (void *)task;
	struct fdtable *table = BPF_CORE_READ(holder, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return file;
}

#define GROUP_DEPTH_MAX 16

/* A control group, and those that it is within, but the first of all. */
static __always_inline int claim_groups(struct owner *owner, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct own_key key = { .kind = OWN_GROUP, .device = BPF_CORE_READ(dentry, d_sb, s_dev) };
	__u32 writer = owner->process;

	for (int i = 0; i < GROUP_DEPTH_MAX; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		int result;

		if (!parent || parent == dentry)
			return 0;
		key.id = BPF_CORE_READ(dentry, d_inode, i_ino);
		result = bpf_map_update_elem(&own_objects, &key, &writer, BPF_ANY);
		if (result)
			return result;
		dentry = parent;
	}
	return 0;
}

static __always_inline int claim_file(struct owner *owner, struct task_struct *task, struct claim *claim)
{
	struct file *file = file_of(task, claim->descriptor);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct own_key key = { .kind = claim->kind };
	__u32 writer = owner->process;

	if (!file || !inode)
		return -EBADF;
	key.id = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	if (claim->place < OWN_PLACES_MAX)
		owner->devices[claim->place] = key.device;
	if (claim->kind == OWN_GROUP)
		return claim_groups(owner, file);
	return bpf_map_update_elem(&own_objects, &key, &writer, BPF_ANY);
}

/* Run by the daemon when it has started: makes it the owner, and then its files the owner's. */
SEC("syscall")
int hauberk_claim(struct claim *claim)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct owner *owner = find_owner();

	if (!owner)
		return -ENOENT;
	if (claim->kind == OWN_MAP)
		return claim_ownership(owner, task);
	return is_of_owner(owner, task) ? claim_file(owner, task, claim) : -EPERM;
}

static __always_inline int keep_own_object(__u32 kind, __u32 id, const void *name)
{
	struct own_object object = { .name = name, .rule_class = CLASS_CAPABILITIES, .operation = OPERATION_USE };
	struct owner *owner = find_owner();
	struct membership found = {};

	if (!owner || !is_own(kind, id, 0) || !is_outsider(owner, &found))
		return 0;
	return refuse_outsider(&found, &object);
}

/* Images come and go: they are known by their name, which nobody else gives to a map. */
static const char image_name[16] = "hauberk_image";

static __always_inline bool is_image(struct bpf_map *map)
{
	char name[16] = {};

	bpf_probe_read_kernel(name, sizeof(name), map->name);
	return *(__u64 *)name == *(const __u64 *)image_name && *(__u64 *)&name[8] == *(const __u64 *)&image_name[8];
}

SEC("lsm/bpf_map")
int BPF_PROG(hauberk_keep_map, struct bpf_map *map, unsigned int mode)
{
	struct own_object object = { .rule_class = CLASS_CAPABILITIES, .operation = OPERATION_USE };
	struct owner *owner = find_owner();
	struct membership found = {};

	if (!owner || (!is_own(OWN_MAP, map->id, 0) && !is_image(map)) || !is_outsider(owner, &found))
		return 0;
	object.name = map->name;
	return refuse_outsider(&found, &object);
}

SEC("lsm/bpf_prog")
int BPF_PROG(hauberk_keep_program, struct bpf_prog *prog)
{
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);

	return keep_own_object(OWN_PROGRAM, BPF_CORE_READ(aux, id), (void *)aux + bpf_core_field_offset(struct bpf_prog_aux, name));
}

static const char link_name[] = "BPF link";

/* Links have no hook of their own. */
SEC("lsm/bpf")
int BPF_PROG(hauberk_keep_link, int command, union bpf_attr *attributes, unsigned int size)
{
	__u32 id = 0;

	if (command != BPF_LINK_GET_FD_BY_ID)
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id), attributes);
	return keep_own_object(OWN_LINK, id, link_name);
}

#define ANCESTORS_MAX 4

/*
 * Whether the current task manages the daemon: it is one of the processes that
 * have started it, or was started by one, as a shim starts runc to stop a
 * container. Process 1 is a parent of all that nobody waits for.
 */
static __always_inline bool manages(struct owner *owner, struct task_struct *task)
{
	struct task_struct *ancestor = (void *)owner->leader;
	int parent = BPF_CORE_READ(task, real_parent, tgid);

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		int process;

		ancestor = BPF_CORE_READ(ancestor, real_parent);
		process = BPF_CORE_READ(ancestor, tgid);
		if (process == task->tgid || (process == parent && process > 1))
			return true;
		if (process <= 1)
			return false;
	}
	return false;
}

/* Whether the current task may not do to another what it is about to. */
static __always_inline bool is_kept(struct task_struct *target, struct membership *found, bool may_manage)
{
	struct owner *owner = find_owner();

	if (!owner || !is_of_owner(owner, target) || !is_outsider(owner, found))
		return false;
	return !(may_manage && found->host && manages(owner, found->task));
}

static __always_inline int keep_daemon(struct task_struct *target, __u32 operation, bool may_manage, bool unreported)
{
	struct own_object object = { .rule_class = CLASS_PTRACE, .operation = operation, .unreported = unreported };
	struct membership found = {};
	struct file *program;

	if (!is_kept(target, &found, may_manage))
		return 0;
	program = BPF_CORE_READ(target, mm, exe_file);
	if (program) {
		object.dentry = BPF_CORE_READ(program, f_path.dentry);
		object.mnt = BPF_CORE_READ(program, f_path.mnt);
	}
	return refuse_outsider(&found, &object);
}

SEC("lsm/task_kill")
int BPF_PROG(hauberk_keep_from_signals, struct task_struct *target, void *info, int signal)
{
	/* Signal 0 asks whether it lives. */
	return signal ? keep_daemon(target, OPERATION_SIGNAL, true, false) : 0;
}

/* ptrace(2), process_vm_writev(2), pidfd_getfd(2), setns(2) to it, and most of its directory in /proc. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(hauberk_keep_from_tracers, struct task_struct *target, unsigned int mode)
{
	return keep_daemon(target, OPERATION_TRACE, false, mode & PTRACE_MODE_NOAUDIT);
}

/* A limit that is passed ends a process. */
SEC("lsm/task_setrlimit")
int BPF_PROG(hauberk_keep_limits, struct task_struct *target)
{
	return keep_daemon(target, OPERATION_LIMIT, true, false);
}

SEC("lsm/inode_unlink")
int BPF_PROG(hauberk_keep_unlink, struct inode *directory, struct dentry *dentry)
{
	return keep_own_dentry(dentry, NULL, OPERATION_UNLINK);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(hauberk_keep_rmdir, struct inode *directory, struct dentry *dentry)
{
	return keep_own_dentry(dentry, NULL, OPERATION_RMDIR);
}

SEC("lsm/inode_link")
int BPF_PROG(hauberk_keep_link_to_file, struct dentry *target, struct inode *directory, struct dentry *dentry)
{
	int denied = keep_own_dentry(target, NULL, OPERATION_LINK);

	return denied ? denied : keep_own_dentry(dentry, NULL, OPERATION_LINK);
}

static __always_inline int keep_dentry_name(struct dentry *dentry)
{
	struct own_object object = { .dentry = dentry, .rule_class = CLASS_FILE, .operation = OPERATION_RENAME };
	struct owner *owner = find_owner();
	struct membership found = {};

	/* What is above is looked for everywhere: it may lie on other filesystems. */
	if (!owner || !BPF_CORE_READ(dentry, d_inode) || !is_own_dentry(OWN_WAY, dentry) || !is_outsider(owner, &found))
		return keep_own_dentry(dentry, NULL, OPERATION_RENAME);
	return refuse_outsider(&found, &object);
}

SEC("lsm/inode_rename")
int BPF_PROG(hauberk_keep_rename, struct inode *old_directory, struct dentry *old_dentry, struct inode *new_directory,
	     struct dentry *new_dentry)
{
	int denied = keep_dentry_name(old_dentry);

	return denied ? denied : keep_dentry_name(new_dentry);
}

SEC("lsm/path_mknod")
int BPF_PROG(hauberk_keep_mknod, const struct path *directory, struct dentry *dentry)
{
	return keep_own_dentry(dentry, directory->mnt, OPERATION_MKNOD);
}

SEC("lsm/path_chmod")
int BPF_PROG(hauberk_keep_mode, const struct path *path)
{
	return keep_own_dentry(path->dentry, path->mnt, OPERATION_CHMOD);
}

SEC("lsm/path_chown")
int BPF_PROG(hauberk_keep_file_owner, const struct path *path)
{
	return keep_own_dentry(path->dentry, path->mnt, OPERATION_CHOWN);
}

SEC("lsm/path_truncate")
int BPF_PROG(hauberk_keep_length, const struct path *path)
{
	return keep_own_dentry(path->dentry, path->mnt, OPERATION_TRUNCATE);
}

/* Whether what happens to a mount is seen by the host or the daemon: it is in their namespace, or tells others of it. */
static __always_inline bool is_seen_by_owner(struct owner *owner, struct vfsmount *mnt)
{
	struct mount *mount = mount_of(mnt);
	struct mount___shared *shared = (void *)mount;
	__u32 namespace = BPF_CORE_READ(mount, mnt_ns, ns.inum);

	return namespace == host_mount_namespace || namespace == owner->mount_namespace ||
	       BPF_CORE_READ(shared, mnt_group_id);
}

/*
 * Whether a mount over this directory would hide what is Hauberk's, or taking away the one that begins there take it
 * away. The host's service manager and runtimes do so all the time for others, in namespaces of these' own.
 */
static __always_inline int keep_mount(struct dentry *dentry, struct vfsmount *mnt, __u32 operation, bool host_may)
{
	struct own_object object = {
		.dentry = dentry, .mnt = mnt, .rule_class = CLASS_MOUNTS, .operation = operation,
	};
	struct owner *owner = find_owner();
	struct membership found = {};
	bool itself, seen;

	if (!owner)
		return 0;
	itself = is_own_dentry(OWN_DIRECTORY, dentry);
	if (!itself && !is_own_dentry(OWN_WAY, dentry))
		return 0;
	if (!is_outsider(owner, &found) || (found.host && host_may))
		return 0;
	seen = is_seen_by_owner(owner, mnt);
	if (!seen && (found.host || (!itself && operation == OPERATION_MOUNT)))
		return 0;
	return refuse_outsider(&found, &object);
}

SEC("lsm/sb_mount")
int BPF_PROG(hauberk_keep_mount_point, const char *source, const struct path *path, const char *type,
	     unsigned long flags)
{
	bool remount = flags & MS_REMOUNT;

	/* Whom a mount is shared with, and its own flags, hide nothing. */
	if (remount ? (flags & MS_BIND) : !(flags & MS_BIND) && (flags & MS_PROPAGATION))
		return 0;
	/* A filesystem that is read-only cannot be pinned to; but the host changes its own so. */
	return keep_mount(path->dentry, path->mnt, remount ? OPERATION_UNMOUNT : OPERATION_MOUNT, remount);
}

SEC("lsm/move_mount")
int BPF_PROG(hauberk_keep_moved, const struct path *from, const struct path *to)
{
	int denied = keep_mount(to->dentry, to->mnt, OPERATION_MOUNT, false);

	return denied ? denied : keep_mount(from->dentry, from->mnt, OPERATION_UNMOUNT, false);
}

SEC("lsm/sb_umount")
int BPF_PROG(hauberk_keep_mounted, struct vfsmount *mnt)
{
	return keep_mount(BPF_CORE_READ(mnt, mnt_root), mnt, OPERATION_UNMOUNT, false);
}

static const char socket_name[] = "socket of hauberkd";

/*
 * The host reaches the API under a policy too: who connects is asked there. So
 * does the daemon's own container, whose health check it may be.
 */
SEC("lsm/unix_stream_connect")
int BPF_PROG(hauberk_keep_sockets, struct sock *socket, struct sock *other)
{
	struct own_object object = {
		.name = socket_name, .rule_class = CLASS_NETWORK, .operation = OPERATION_CONNECT,
	};
	struct sock___peer *listener = (void *)other;
	struct owner *owner = find_owner();
	struct membership found = {};
	struct pid *process;

	if (!owner || !owner->process)
		return 0;
	/* Of a socket that listens: the process that made it do so. */
	process = BPF_CORE_READ(listener, sk_peer_pid);
	if (!process || BPF_CORE_READ(active_upid(process, 0), nr) != owner->process || !owner_lives(owner))
		return 0;
	if (!is_outsider(owner, &found) || found.host || is_in_owners_container(owner, &found))
		return 0;
	return refuse_outsider(&found, &object);
}

#endif
