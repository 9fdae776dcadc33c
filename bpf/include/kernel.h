/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of kernel structures Hauberk reads. Field offsets are relocated
 * against the running kernel's BTF (CO-RE), so only names and types matter.
 */
#ifndef HAUBERK_KERNEL_H
#define HAUBERK_KERNEL_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define ENOMEM 12
#define EACCES 13

/* What a packet's fragment is has had several names, and always these members. */
struct packet_fragment {
	__u64 page;
	__u32 length;
	__u32 offset;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct task_struct;

struct pid_namespace {
	struct ns_common ns;
	struct task_struct *child_reaper;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[1];
	struct upid numbers[1];
};

struct mnt_namespace {
	struct ns_common ns;
};

/* Since Linux 6.18; before, the namespace of a detached tree has no number. */
struct mnt_namespace___anonymous {
	bool is_anon;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
	kuid_t fsuid;
};

struct file_system_type {
	const char *name;
	int fs_flags;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
	struct file_system_type *s_type;
	struct list_head s_mounts;
};

struct mount;

/* Since Linux 6.17. */
struct super_block___chain {
	struct mount *s_mounts;
};

struct inode {
	__u16 i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_rdev;
};

struct qstr {
	__u32 hash;
	__u32 len;
	const unsigned char *name;
};

struct seqcount {
	unsigned int sequence;
};

struct seqcount_spinlock {
	struct seqcount seqcount;
};

struct dentry {
	struct seqcount_spinlock d_seq;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	unsigned char d_iname[1];
	struct super_block *d_sb;
};

union shortname_store {
	unsigned char string[1];
};

/* Since Linux 6.14. */
struct dentry___short {
	union shortname_store d_shortname;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	struct list_head mnt_instance;
};

struct mount___chain {
	struct mount *mnt_next_for_sb;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct iattr {
	unsigned int ia_valid;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
	unsigned int f_mode;
};

struct mm_struct {
	struct file *exe_file;
	void *pgd;
};

struct tty_struct;

struct signal_struct {
	struct tty_struct *tty;
};

/* Of each architecture the members that it has. */
struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct pt_regs {
	unsigned long orig_ax;
	unsigned long bx;
	unsigned long si;
	unsigned long dx;
	int syscallno;
	__u64 regs[31];
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct pid *thread_pid;
	struct hlist_node pid_links[1];
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	const struct cred *real_cred;
	const struct cred *cred;
	struct signal_struct *signal;
};

struct bpf_local_storage;

struct task_struct___storage {
	struct bpf_local_storage *bpf_storage;
};

struct xarray {
	void *xa_head;
};

/* The io_uring rings that a task submits to; kernels may be built without. */
struct io_uring_task {
	struct xarray xa;
};

struct task_struct___rings {
	struct io_uring_task *io_uring;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

struct user_namespace;

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u16 skc_dport;
	__u16 skc_num;
	__u16 skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
};

struct socket {
	short type;
	struct sock *sk;
};

struct udp_sock {
	__u16 gso_size;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

/* Found by their names in the running kernel. */
enum iter_type {
	ITER_UBUF,
	ITER_IOVEC,
};

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset;
	unsigned long count;
	const struct iovec *__iov;
	void *ubuf;
	unsigned long nr_segs;
};

/* Before Linux 6.4. */
struct iov_iter___vector {
	const struct iovec *iov;
};

struct msghdr {
	void *msg_name;
	struct iov_iter msg_iter;
	void *msg_control;
	unsigned long msg_controllen;
};

struct page {
	unsigned long flags;
};

struct sk_buff {
	unsigned int len;
	unsigned int data_len;
	__u16 protocol;
	__u16 transport_header;
	__u16 network_header;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct skb_shared_info {
	__u8 nr_frags;
	struct packet_fragment frags[1];
};

/* The inode of an entry of /proc. */
struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct anon_vma;

struct vm_area_struct {
	unsigned long vm_flags;
	struct anon_vma *anon_vma;
	struct file *vm_file;
};

struct linux_binprm {
	struct file *file;
	struct mm_struct *mm;
	unsigned long p;
	int argc;
};

#pragma clang attribute pop

/* include/linux/fs.h: not part of BTF, unchanged since 5.19 */
#define FMODE_READ (1U << 0)
#define FMODE_WRITE (1U << 1)
#define FMODE_EXEC (1U << 5)
#define FMODE_PATH (1U << 14)
#define FMODE_NOACCOUNT (1U << 29)
#define SB_NOUSER (1UL << 31)
/* include/uapi/linux/magic.h: the files of /proc/PID/ns */
#define NSFS_MAGIC 0x6e736673
/* The flag of a filesystem's type: it is on a device. */
#define FS_REQUIRES_DEV 1
/* include/linux/sched.h: a thread that the kernel made for requests of io_uring */
#define PF_IO_WORKER 0x10
/* The process was forked and has run no program since. */
#define PF_FORKNOEXEC 0x40
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFCHR 0020000
#define S_IFBLK 0060000

/* Functions that the verifier goes through once take plain numbers. */
static __always_inline __u64 address_of(const void *object)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &object);
	return address;
}

#endif
