// SPDX-License-Identifier: Apache-2.0
/*
 * Tries what an attacker with all privileges would do to Hauberk. Usage: reach ATTEMPT [ARGUMENT…] [, ATTEMPT …], with
 * the attempts of the table at the end. Writes a line for each, with `ok` or the name of the error; of objects in the
 * kernel also a line for each, with its number and its name or the error's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static void say(const char *what, long result)
{
	printf("%s%s\n", what, result >= 0 ? "ok" : strerrorname_np(errno));
}

/* The name of a map or program, at an offset of what the kernel reports about it. */
static const char *name_of(int descriptor, int offset)
{
	static char info[256];
	union bpf_attr attributes = { .info = { descriptor, sizeof(info), (unsigned long)info } };

	/* The kernel would use its contents as addresses for further output. */
	memset(info, 0, sizeof(info));
	if (!offset || bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) < 0)
		return "";
	return info + offset;
}

/* Opens every object of a kind by its id. */
static long every(int next, int open, int name)
{
	__u32 id = 0;

	for (;;) {
		union bpf_attr attributes = { .start_id = id };
		long descriptor;

		if (bpf(next, &attributes) < 0)
			return 0;
		id = attributes.next_id;
		memset(&attributes, 0, sizeof(attributes));
		attributes.map_id = id;
		descriptor = bpf(open, &attributes);
		printf("%u %s\n", id, descriptor < 0 ? strerrorname_np(errno) : name_of(descriptor, name));
	}
}

static long maps(char **arguments)
{
	return every(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, offsetof(struct bpf_map_info, name));
}

static long programs(char **arguments)
{
	return every(BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, offsetof(struct bpf_prog_info, name));
}

static long links(char **arguments)
{
	return every(BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, 0);
}

static long get(char **arguments)
{
	union bpf_attr attributes = { .pathname = (unsigned long)arguments[0] };

	return bpf(BPF_OBJ_GET, &attributes);
}

static long open_file(char **arguments)
{
	return open(arguments[0], O_RDONLY);
}

static long open_to_write(char **arguments)
{
	return open(arguments[0], O_WRONLY);
}

/* Its name is dropped first, so that the kernel finds the file but no directory that it is in. */
static long open_by_handle_to_write(char **arguments)
{
	struct {
		struct file_handle handle;
		char bytes[MAX_HANDLE_SZ];
	} of = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount, caches = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (name_to_handle_at(AT_FDCWD, arguments[0], &of.handle, &mount, 0) < 0)
		return -1;
	/* A name that was used lately is only dropped the second time. */
	for (int i = 0; i < 3; i++)
		if (write(caches, "2", 1) != 1)
			return -1;
	return open_by_handle_at(open(arguments[1], O_RDONLY), &of.handle, O_WRONLY);
}

/* Nobody can detach such a link by its pin: its kind has no operation for that. */
static long detach(char **arguments)
{
	union bpf_attr attributes = { .link_detach.link_fd = get(arguments) };

	return bpf(BPF_LINK_DETACH, &attributes);
}

static long open_memory(char **arguments)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/mem", arguments[0]);
	return open(path, O_RDWR);
}

static long write_memory(char **arguments)
{
	char byte = 0;
	struct iovec here = { &byte, 1 }, there = { 0, 1 };
	long result = process_vm_writev(atoi(arguments[0]), &here, 1, &there, 1, 0);

	/* Nothing is mapped at address 0: EFAULT means that the access was allowed. */
	return result < 0 && errno == EFAULT ? 0 : result;
}

static long get_descriptor(char **arguments)
{
	return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, atoi(arguments[0]), 0), 0, 0);
}

static long attach(char **arguments)
{
	return ptrace(PTRACE_SEIZE, atoi(arguments[0]), 0, 0);
}

static long load_module(char **arguments)
{
	long result = syscall(SYS_init_module, "", 0, "");

	/* ENOEXEC means that loading was allowed, and that this is not a module. */
	return result < 0 && errno == ENOEXEC ? 0 : result;
}

static long enter(char **arguments)
{
	return setns(syscall(SYS_pidfd_open, atoi(arguments[0]), 0), CLONE_NEWNET);
}

static long signal_to(char **arguments)
{
	return kill(atoi(arguments[0]), atoi(arguments[1]));
}

static long signal_by_descriptor(char **arguments)
{
	return syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, atoi(arguments[0]), 0), atoi(arguments[1]), 0, 0);
}

static long limit(char **arguments)
{
	struct rlimit now;
	int process = atoi(arguments[0]);

	return prlimit(process, RLIMIT_NOFILE, 0, &now) ? -1 : prlimit(process, RLIMIT_NOFILE, &now, 0);
}

static long delete_file(char **arguments)
{
	return unlink(arguments[0]);
}

static long delete_directory(char **arguments)
{
	return rmdir(arguments[0]);
}

static long rename_file(char **arguments)
{
	return rename(arguments[0], arguments[1]);
}

static long link_file(char **arguments)
{
	return link(arguments[0], arguments[1]);
}

static long make_directory(char **arguments)
{
	return mkdir(arguments[0], 0700);
}

static long make_symbolic_link(char **arguments)
{
	return symlink("/tmp", arguments[0]);
}

static long mode(char **arguments)
{
	return chmod(arguments[0], 0700);
}

static long shorten(char **arguments)
{
	return truncate(arguments[0], 0);
}

static long mount_over(char **arguments)
{
	return mount("none", arguments[0], "tmpfs", 0, 0);
}

static long bind_over(char **arguments)
{
	return mount("/tmp", arguments[0], 0, MS_BIND, 0);
}

static long read_only(char **arguments)
{
	return mount("none", arguments[0], 0, MS_REMOUNT | MS_RDONLY, 0);
}

static long unmount(char **arguments)
{
	return umount2(arguments[0], MNT_DETACH);
}

static long connect_to(char **arguments)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, arguments[0], sizeof(address.sun_path) - 1);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static const struct {
	const char *name;
	long (*attempt)(char **arguments);
} attempts[] = {
	{ "maps", maps }, { "programs", programs }, { "links", links },
	{ "get", get },				/* PATH of a pin */
	{ "open", open_file },			/* PATH */
	{ "open-to-write", open_to_write },	/* PATH */
	{ "open-by-handle-to-write", open_by_handle_to_write }, /* PATH, DIRECTORY of the same mount */
	{ "detach", detach },			/* PATH of a link's pin */
	{ "memory", open_memory },		/* PID */
	{ "write-memory", write_memory },	/* PID */
	{ "get-descriptor", get_descriptor },	/* PID */
	{ "attach", attach },			/* PID */
	{ "module", load_module },
	{ "enter", enter },			/* PID */
	{ "signal", signal_to },		/* PID NUMBER */
	{ "signal-by-descriptor", signal_by_descriptor }, /* PID NUMBER */
	{ "limit", limit },			/* PID */
	{ "unlink", delete_file },		/* PATH */
	{ "rmdir", delete_directory },		/* PATH */
	{ "rename", rename_file },		/* PATH NEW */
	{ "link", link_file },			/* PATH NEW */
	{ "mkdir", make_directory },		/* PATH */
	{ "symlink", make_symbolic_link },	/* PATH */
	{ "chmod", mode },			/* PATH */
	{ "truncate", shorten },		/* PATH */
	{ "mount", mount_over },		/* PATH */
	{ "bind", bind_over },			/* PATH */
	{ "read-only", read_only },		/* PATH */
	{ "umount", unmount },			/* PATH */
	{ "connect", connect_to },		/* PATH */
};

int main(int count, char **arguments)
{
	/* A comma separates attempts, each with its arguments. */
	for (int i = 1; i < count; i++) {
		char **first = &arguments[i];

		while (i < count && strcmp(arguments[i], ","))
			i++;
		for (unsigned int j = 0; j < sizeof(attempts) / sizeof(*attempts); j++) {
			char what[64];

			if (strcmp(attempts[j].name, first[0]))
				continue;
			snprintf(what, sizeof(what), "%s ", attempts[j].name);
			say(what, attempts[j].attempt(first + 1));
			fflush(stdout);
		}
	}
	return 0;
}
