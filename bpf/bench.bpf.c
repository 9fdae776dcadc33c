// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs and maps of the benchmark alone; the daemon loads none of them.
 * bench/support/bench-object.ts is the twin of the layouts below.
 */
#include "include/automaton.h"
#include "include/descriptors.h"
#include "include/event.h"
#include "include/kernel.h"
#include "include/path.h"

struct image {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct image_page));
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
};

/* As the enforcement's maps of these names, without their pins. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 65536);
	__uint(key_size, 2 * sizeof(__u32));
	__array(values, struct image);
} containers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(key_size, 2 * sizeof(__u32));
	__type(value, __u64);
} container_starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(key_size, 2 * sizeof(__u32));
	__type(value, __u32);
} container_roots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, struct image);
} image_under_test SEC(".maps");

/*
 * A system call program takes no repeat count of BPF_PROG_TEST_RUN, so it
 * repeats and measures itself.
 */
struct match_run {
	__u64 elapsed_ns;	/* out */
	__u32 rounds;
	__u32 offset;
	__u32 verdict;		/* out */
	__u32 actor;
	__u32 subject;
	__u32 operation;
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct match_run);
} match_runs SEC(".maps");

struct match_context {
	struct open_image image;
	struct match_run *run;
};

static long match_once(__u32 round, struct match_context *context)
{
	struct match_run *run = context->run;
	struct match match = { .offset = run->offset, .actor = run->actor, .subject = run->subject };

	run->verdict = automaton_match(&context->image, &run->path, &match, 1 << run->operation, false);
	return 0;
}

static long match_nothing(__u32 round, struct match_context *context)
{
	context->run->verdict = round;
	return 0;
}

/* The same loop around a decision and around nothing. */
#define MATCH_PROGRAM(name, body)							\
SEC("syscall")										\
int name(void *unused)									\
{											\
	__u32 zero = 0;									\
	struct match_context context = {						\
		.run = bpf_map_lookup_elem(&match_runs, &zero),				\
	};										\
	void *pages = bpf_map_lookup_elem(&image_under_test, &zero);			\
	__u64 began;									\
											\
	if (!context.run || !pages || !image_open(&context.image, pages))		\
		return 1;								\
	began = bpf_ktime_get_ns();							\
	bpf_loop(context.run->rounds, body, &context, 0);				\
	context.run->elapsed_ns = bpf_ktime_get_ns() - began;				\
	return 0;									\
}

MATCH_PROGRAM(bench_match, match_once)
MATCH_PROGRAM(bench_empty, match_nothing)

#define FILES_IN_TURN 2

struct path_run {
	__u64 elapsed_ns;	/* out */
	__u32 rounds;
	__u32 descriptors[FILES_IN_TURN];
	__u32 offset;		/* out: where the last path starts */
	__u32 result;		/* out: enum path_result */
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path_run);
} path_runs SEC(".maps");

struct path_context {
	struct path_run *run;
	__u64 dentries[FILES_IN_TURN];
	__u64 mount;
};

static long path_once(__u32 round, struct path_context *context)
{
	struct path_run *run = context->run;

	run->result = path_build_below(&run->path, round & 1 ? context->dentries[1] : context->dentries[0],
				       context->mount, &run->offset);
	return 0;
}

/* The paths of two files of one mount in turn, open in the process that asks. */
SEC("syscall")
int bench_path(void *unused)
{
	__u32 zero = 0;
	struct path_context context = { .run = bpf_map_lookup_elem(&path_runs, &zero) };
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file;
	__u64 began;

	if (!context.run)
		return 1;
	for (int i = 0; i < FILES_IN_TURN; i++) {
		file = file_of(task, context.run->descriptors[i]);
		context.dentries[i] = (__u64)BPF_CORE_READ(file, f_path.dentry);
	}
	context.mount = (__u64)mount_of(BPF_CORE_READ(file, f_path.mnt));
	began = bpf_ktime_get_ns();
	bpf_loop(context.run->rounds, path_once, &context, 0);
	context.run->elapsed_ns = bpf_ktime_get_ns() - began;
	return 0;
}

#define RECORD_PATHS_BYTES 512

struct event_run {
	__u32 count;
	__u32 bytes;		/* of the record, with its paths */
	__u64 dropped;		/* out, added to */
	struct event_record record;
	char paths[RECORD_PATHS_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_run);
} event_runs SEC(".maps");

/* As large as the enforcement's. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} events SEC(".maps");

static long produce_once(__u32 round, struct event_run **context)
{
	struct event_run *run = *context;
	__u64 bytes = run->bytes;

	if (bytes > sizeof(run->record) + RECORD_PATHS_BYTES)
		return 1;
	run->record.time_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&events, &run->record, bytes, 0))
		run->dropped++;
	return 0;
}

SEC("syscall")
int bench_produce(void *unused)
{
	__u32 zero = 0;
	struct event_run *run = bpf_map_lookup_elem(&event_runs, &zero);

	if (!run)
		return 1;
	bpf_loop(run->count, produce_once, &run, 0);
	return 0;
}

/*
 * What being asked costs at all. A program stands here for every hook of the
 * enforcement; the mark keeps kernels without BPF LSM from being asked to load them.
 */
#define EMPTY_PROGRAM(hook)		\
SEC("?lsm/" #hook)			\
int empty_##hook(void *unused)		\
{					\
	return 0;			\
}

EMPTY_PROGRAM(bprm_check_security)
EMPTY_PROGRAM(bprm_committed_creds)
EMPTY_PROGRAM(task_alloc)
EMPTY_PROGRAM(file_open)
EMPTY_PROGRAM(file_permission)
EMPTY_PROGRAM(file_truncate)
EMPTY_PROGRAM(path_truncate)
EMPTY_PROGRAM(path_unlink)
EMPTY_PROGRAM(path_rmdir)
EMPTY_PROGRAM(path_mkdir)
EMPTY_PROGRAM(path_mknod)
EMPTY_PROGRAM(path_symlink)
EMPTY_PROGRAM(path_link)
EMPTY_PROGRAM(path_rename)
EMPTY_PROGRAM(path_chmod)
EMPTY_PROGRAM(path_chown)
EMPTY_PROGRAM(socket_create)
EMPTY_PROGRAM(socket_bind)
EMPTY_PROGRAM(socket_connect)
EMPTY_PROGRAM(socket_listen)
EMPTY_PROGRAM(socket_accept)
EMPTY_PROGRAM(socket_sendmsg)
EMPTY_PROGRAM(socket_recvmsg)
EMPTY_PROGRAM(sock_graft)
EMPTY_PROGRAM(socket_sock_rcv_skb)
EMPTY_PROGRAM(capable)
EMPTY_PROGRAM(mmap_file)
EMPTY_PROGRAM(file_mprotect)
EMPTY_PROGRAM(sb_mount)
EMPTY_PROGRAM(sb_kern_mount)
EMPTY_PROGRAM(move_mount)
EMPTY_PROGRAM(sb_pivotroot)
EMPTY_PROGRAM(sb_umount)
EMPTY_PROGRAM(ptrace_access_check)
EMPTY_PROGRAM(ptrace_traceme)
EMPTY_PROGRAM(userns_create)
EMPTY_PROGRAM(bpf)
EMPTY_PROGRAM(bpf_map)
EMPTY_PROGRAM(bpf_prog)
EMPTY_PROGRAM(task_kill)
EMPTY_PROGRAM(task_setrlimit)
EMPTY_PROGRAM(inode_unlink)
EMPTY_PROGRAM(inode_rmdir)
EMPTY_PROGRAM(inode_rename)
EMPTY_PROGRAM(inode_link)
EMPTY_PROGRAM(unix_stream_connect)
EMPTY_PROGRAM(unix_may_send)
EMPTY_PROGRAM(socket_setsockopt)
EMPTY_PROGRAM(socket_getsockopt)
EMPTY_PROGRAM(socket_post_create)
EMPTY_PROGRAM(inet_conn_request)
EMPTY_PROGRAM(sctp_bind_connect)
EMPTY_PROGRAM(inode_setxattr)
EMPTY_PROGRAM(inode_setattr)
EMPTY_PROGRAM(inode_set_acl)
EMPTY_PROGRAM(inode_removexattr)
EMPTY_PROGRAM(inode_remove_acl)
EMPTY_PROGRAM(inode_file_setattr)
EMPTY_PROGRAM(file_receive)
EMPTY_PROGRAM(file_ioctl_compat)
EMPTY_PROGRAM(file_ioctl)

char LICENSE[] SEC("license") = "GPL";
