/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unix sockets that have a name in the file system: to connect or send to one is
 * to write to it, as the kernel's own permissions have it.
 */
#ifndef HAUBERK_UNIX_HOOKS_H
#define HAUBERK_UNIX_HOOKS_H

#include "mount_search.h"

static __always_inline int decide_unix(struct sock *other, __u32 operation)
{
	struct unix_sock *listener = (void *)other;
	struct membership membership = {};
	struct dentry *dentry;

	if (!other || !find_membership(&membership) || !membership.confined || !decides(&membership, CLASS_FILE))
		return 0;
	dentry = BPF_CORE_READ(listener, path.dentry);
	/* Abstract and unnamed sockets have no path. */
	if (!dentry)
		return 0;
	return decide_by_mounts(&membership, dentry, BPF_CORE_READ(listener, path.mnt), operation, ACCESS_WRITE);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(hauberk_unix_stream_connect, struct sock *sock, struct sock *other, struct sock *newsk)
{
	return decide_unix(other, OPERATION_CONNECT);
}

/* Asked at connect(2) of a datagram socket, and each time one sends. */
SEC("lsm/unix_may_send")
int BPF_PROG(hauberk_unix_may_send, struct socket *sock, struct socket *other)
{
	return decide_unix(BPF_CORE_READ(other, sk), OPERATION_SEND);
}

#endif
