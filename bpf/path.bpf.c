// SPDX-License-Identifier: GPL-2.0-only
/* The building of paths by itself, of the working directory of whoever runs it, so that it can be tested without hooks. */
#include "include/kernel.h"

/* As if something were renamed elsewhere during every walk: then walks are compared. */
#define RENAMED_ALL_THE_TIME
static __always_inline __u32 rename_sequence(bool direct)
{
	return 2 * (__u32)bpf_ktime_get_ns();
}

#include "include/path.h"

/* A power of two that is more than enum path_result has. */
#define RESULTS 16

struct fs_struct___here {
	struct path pwd;
} __attribute__((preserve_access_index));

struct task_struct___here {
	struct fs_struct___here *fs;
} __attribute__((preserve_access_index));

struct walks {
	__u32 results[RESULTS];	/* how often each enum path_result came */
	__u32 rounds;
	__u32 bytes;		/* of the last path */
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walks);
} walks SEC(".maps");

static long walk_once(__u32 round, struct walks **context)
{
	struct task_struct___here *task = (void *)bpf_get_current_task();
	struct walks *all = *context;
	__u32 offset = 0, result;

	result = path_build(&all->path, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt), &offset);
	all->results[result & (RESULTS - 1)]++;
	all->bytes = PATH_BYTES_MAX - offset;
	return 0;
}

SEC("syscall")
int hauberk_walk(void *context)
{
	__u32 zero = 0;
	struct walks *all = bpf_map_lookup_elem(&walks, &zero);

	if (!all)
		return 1;
	bpf_loop(all->rounds, walk_once, &all, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
