/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The preset that keeps a container with privileges from what is the host's:
 * its devices, its processes, its kernel and its namespaces.
 */
#ifndef HAUBERK_HARDENED_H
#define HAUBERK_HARDENED_H

#include "decide.h"

#define S_IFBLK 0060000
/* Documentation/admin-guide/devices.txt: /dev/mem, /dev/kmem and /dev/port are of major 1 */
#define MEMORY_MAJOR 1
#define MEMORY_MINORS (1 << 1 | 1 << 2 | 1 << 4)
/* /dev/sg*: commands to SCSI disks */
#define SCSI_GENERIC_MAJOR 21
#define MINOR_BITS 20

/* include/uapi/linux/magic.h */
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define BINFMTFS_MAGIC 0x42494e4d

/* include/uapi/linux/capability.h */
#define CAP_SYS_MODULE 16
#define CAP_SYS_RAWIO 17
#define CAP_SYS_ADMIN 21
#define CAP_SYS_BOOT 22
#define CAP_MAC_OVERRIDE 32
#define CAP_MAC_ADMIN 33
#define CAP_PERFMON 38
#define CAP_BPF 39

/*
 * /dev/bsg/, /dev/nvme* without a namespace and /dev/ng*, whose numbers differ between machines; 0 for none. Set by
 * src/kernel/raw-disk-majors.ts.
 */
const volatile __u32 bsg_major = 0;
const volatile __u32 nvme_major = 0;
const volatile __u32 nvme_generic_major = 0;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inode___device {
	__u32 i_rdev;
};

struct user_namespace___nested {
	int level;
};

struct super_block___owned {
	struct user_namespace___nested *s_user_ns;
};

#pragma clang attribute pop

/* Stands behind the preset's detail where a capability follows. */
#define HARDENED_CAPABILITY_BYTES 4

static __always_inline bool is_raw_device(struct inode *inode)
{
	__u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	struct inode___device *device = (void *)inode;
	__u32 number, major, minor;

	if (type == S_IFBLK)
		return true;
	if (type != S_IFCHR)
		return false;
	number = BPF_CORE_READ(device, i_rdev);
	major = number >> MINOR_BITS;
	minor = number & ((1 << MINOR_BITS) - 1);
	if (major == MEMORY_MAJOR)
		return minor < 8 && (MEMORY_MINORS >> minor & 1);
	return major && (major == SCSI_GENERIC_MAJOR || major == bsg_major || major == nvme_major || major == nvme_generic_major);
}

/* Compared by words, since there is no memcmp to call. */
union steering_name {
	char text[16];
	__u64 words[2];
};

static const union steering_name steering_in_proc[] = {
	{ "core_pattern" }, { "hotplug" }, { "modprobe" }, { "poweroff_cmd" }, { "sysrq-trigger" },
};
static const union steering_name steering_in_sysfs = { "uevent_helper" };

static __always_inline bool is_same_name(const union steering_name *name, const union steering_name *other)
{
	return name->words[0] == other->words[0] && name->words[1] == other->words[1];
}

/*
 * Whether the host runs what is written to the file at this address, or is stopped by it, without asking for a
 * capability. Entries of processes aside, these names are given once in /proc and /sys.
 */
__noinline int steers_host(__u64 address)
{
	struct dentry *dentry = (void *)address;
	struct super_block___owned *owned = (void *)BPF_CORE_READ(dentry, d_sb);
	union steering_name name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(dentry, d_name.name));
	switch (BPF_CORE_READ(dentry, d_sb, s_magic)) {
	case PROC_SUPER_MAGIC:
#pragma unroll
		for (unsigned int i = 0; i < sizeof(steering_in_proc) / sizeof(*steering_in_proc); i++)
			if (is_same_name(&name, &steering_in_proc[i]))
				return true;
		return false;
	case SYSFS_MAGIC:
		return is_same_name(&name, &steering_in_sysfs);
	case BINFMTFS_MAGIC:
		/* Since Linux 6.7 a user namespace can have one of its own. */
		return !BPF_CORE_READ(owned, s_user_ns, level);
	default:
		return false;
	}
}

/* Used for more than what the container has been given of its own, when it is held in the host's user namespace. */
static __always_inline bool is_of_host(struct user_namespace *namespace, int capability)
{
	struct user_namespace___nested *nested = (void *)namespace;

	switch (capability) {
	case CAP_SYS_MODULE:
	case CAP_SYS_RAWIO:
	case CAP_SYS_ADMIN:
	case CAP_SYS_BOOT:
	case CAP_MAC_OVERRIDE:
	case CAP_MAC_ADMIN:
	case CAP_PERFMON:
	case CAP_BPF:
		return !BPF_CORE_READ(nested, level);
	default:
		return false;
	}
}

static __always_inline int decide_hardened_capability(struct membership *membership, struct user_namespace *namespace,
						      int capability, bool unreported)
{
	char key[HARDENED_CAPABILITY_BYTES] = { KEY_CAPABILITY, digit(capability >> 4), digit(capability), 0 };
	struct access access = {
		.subject = SUBJECT_PRESETS,
		.operation = OPERATION_USE,
		.key = KEY_PRESET,
		.detail = PRESET_HARDENED,
		.wanted = ACCESS_USE,
		.name = key,
		.unreported = unreported,
	};

	if (!decides(membership, CLASS_PRESETS) || !is_of_host(namespace, capability))
		return 0;
	return decide(membership, &access);
}

/* By /proc/PID/root of a process in the host's mounts all of its files are reached. */
static __always_inline int decide_hardened_trace(struct membership *membership, struct task_struct *traced,
						 struct file *program, bool unreported)
{
	struct access access = {
		.subject = SUBJECT_PRESETS,
		.operation = OPERATION_TRACE,
		.key = KEY_PRESET,
		.detail = PRESET_HARDENED,
		.wanted = ACCESS_USE,
		.unreported = unreported,
	};

	if (membership->host || !decides(membership, CLASS_PRESETS) || !program ||
	    BPF_CORE_READ(traced, nsproxy, mnt_ns, ns.inum) != host_mount_namespace)
		return 0;
	access.dentry = BPF_CORE_READ(program, f_path.dentry);
	access.mnt = BPF_CORE_READ(program, f_path.mnt);
	return decide(membership, &access);
}

#endif
