/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the ring buffer carries. src/kernel/event-record.ts is its twin; a test
 * compares the two.
 */
#ifndef HAUBERK_EVENT_H
#define HAUBERK_EVENT_H

#include <linux/types.h>

enum event_operation {
	OPERATION_EXEC = 0,
	OPERATION_OPEN = 1,
	OPERATION_TRUNCATE = 2,
	OPERATION_UNLINK = 3,
	OPERATION_RMDIR = 4,
	OPERATION_MKDIR = 5,
	OPERATION_MKNOD = 6,
	OPERATION_SYMLINK = 7,
	OPERATION_LINK = 8,
	OPERATION_RENAME = 9,
	OPERATION_CHMOD = 10,
	OPERATION_CHOWN = 11,
	OPERATION_CREATE = 12,
	OPERATION_BIND = 13,
	OPERATION_CONNECT = 14,
	OPERATION_LISTEN = 15,
	OPERATION_ACCEPT = 16,
	OPERATION_SEND = 17,
	OPERATION_RECEIVE = 18,
	OPERATION_USE = 19,
	OPERATION_MAP = 20,
	OPERATION_PROTECT = 21,
	OPERATION_MOUNT = 22,
	OPERATION_UNMOUNT = 23,
	OPERATION_TRACE = 24,
	OPERATION_UNSHARE = 25,
	OPERATION_CALL = 26,
	OPERATION_RESOLVE = 27,
	OPERATION_SIGNAL = 28,
	OPERATION_LIMIT = 29,
	OPERATION_SETXATTR = 30,
	OPERATION_UTIME = 31,
	OPERATION_CHATTR = 32,
};

enum event_flag {
	/* The container's next event may have to be suppressed. */
	EVENT_LAST_TOKEN = 1 << 0,
	/* The first time that a container under a profile does this. */
	EVENT_OBSERVED = 1 << 1,
	/* The acting user does not own the file. */
	EVENT_NOT_OWNER = 1 << 2,
	/* The acting process has a controlling terminal. */
	EVENT_TERMINAL = 1 << 3,
	/* A runtime that sets the container up acts: none of its programs. */
	EVENT_FROM_OUTSIDE = 1 << 4,
	/* Of a program that the rule names as its source: it is traced, or the rule does not hold for it. */
	EVENT_OF_SOURCE = 1 << 5,
};

struct event_record {
	__u64 time_ns;			/* CLOCK_MONOTONIC */
	__u64 access;			/* of an observed one: its key among the accesses */
	__u32 pid_namespace;		/* the container's key */
	__u32 mount_namespace;
	__u32 image_id;		/* of the image that decided */
	__u32 verdict;			/* action and rule number, see image.h */
	__u8 operation;			/* enum event_operation */
	__u8 rule_class;		/* enum image_class */
	__u16 path_result;		/* why there was no path to decide on, or PATH_OK */
	__u16 flags;			/* enum event_flag */
	__u16 wanted;			/* 1 << enum image_operation; of other subjects than paths 1 */
	__u32 host_pid;
	__u32 pid;			/* in the task's own pid namespace, as are the parents' */
	__u32 host_parent_pid;
	__u32 parent_pid;
	__u32 uid;
	__u32 object_bytes;		/* lengths of the three paths that follow, in this order */
	__u32 program_bytes;
	__u32 parent_program_bytes;
	char comm[16];
};

#endif
