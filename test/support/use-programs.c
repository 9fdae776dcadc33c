// SPDX-License-Identifier: Apache-2.0
/* Ways to act as another program: reaching into its process, or controlling it from its start. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "uses.h"

#define WAITS_MAX 2000

/* Starts a program that waits for input, and returns once it runs. */
static pid_t start_waiting(char *const *command)
{
	char link[64], running[4096] = "", wanted[4096];
	int input[2];
	pid_t child;

	if (pipe(input) || !realpath(command[0], wanted))
		return -1;
	child = fork();
	if (!child) {
		dup2(input[0], 0);
		execv(command[0], command);
		_exit(127);
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", child);
	for (int i = 0; i < WAITS_MAX && strcmp(running, wanted); i++) {
		ssize_t bytes = readlink(link, running, sizeof(running) - 1);

		running[bytes < 0 ? 0 : bytes] = 0;
		usleep(1000);
	}
	return child;
}

static int open_memory(pid_t process, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", process);
	return open(path, flags);
}

/* The address is invalid in the other process: EFAULT means that the access was allowed. */
static int copy_memory(long call, pid_t process)
{
	char here = 0;
	struct iovec local = { &here, 1 }, remote = { (void *)8, 1 };

	if (syscall(call, process, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT)
		return 0;
	return -1;
}

static int reach_into(const char *how, pid_t process)
{
	if (!strcmp(how, "memory-read"))
		return open_memory(process, O_RDONLY);
	if (!strcmp(how, "memory-write"))
		return open_memory(process, O_RDWR);
	if (!strcmp(how, "attach"))
		return ptrace(PTRACE_ATTACH, process, 0, 0);
	if (!strcmp(how, "seize"))
		return ptrace(PTRACE_SEIZE, process, 0, 0);
	if (!strcmp(how, "copy-from"))
		return copy_memory(SYS_process_vm_readv, process);
	if (!strcmp(how, "copy-to"))
		return copy_memory(SYS_process_vm_writev, process);
	if (!strcmp(how, "take-descriptor"))
		return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, process, 0), 0, 0);
	fprintf(stderr, "no such way: %s\n", how);
	return -1;
}

/* Reaches into a child of this process, so that only its program can be the reason of a refusal. */
int reach_into_program(const char *how, char *const *command)
{
	pid_t child = start_waiting(command);
	int result = child < 0 ? -1 : reach_into(how, child), error = errno;

	kill(child, SIGKILL);
	errno = error;
	return result;
}

/* The result of a program by its wait status. */
static int result_of(int status)
{
	errno = EACCES;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

/* Runs the program traced; the tracer continues it at each stop. */
static int run_traced(char *const *command)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(126);
		execv(command[0], command);
		_exit(127);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, child, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return result_of(status);
}

/* Installs a filter that notifies a listener of openat(2). */
static int listen_to_opens(void)
{
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(instructions) / sizeof(*instructions), instructions };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?
		       -1 :
		       (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void continue_calls(int listener)
{
	struct seccomp_notif question;
	struct seccomp_notif_resp answer;

	for (;;) {
		memset(&question, 0, sizeof(question));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question))
			_exit(0);
		answer = (struct seccomp_notif_resp){ .id = question.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

/* Runs the program under a filter whose listener is another process. */
static int run_answered(char *const *command)
{
	int listener = listen_to_opens(), status;
	pid_t answering, child;

	if (listener < 0)
		return -1;
	answering = fork();
	if (!answering)
		continue_calls(listener);
	child = fork();
	if (!child) {
		close(listener);
		execv(command[0], command);
		_exit(127);
	}
	waitpid(child, &status, 0);
	kill(answering, SIGKILL);
	return result_of(status);
}

/* Opens the program before the root is changed, so that only its loader and libraries come from the new root. */
static int run_elsewhere(char *const *command)
{
	int program = open(command[0], O_PATH), status;
	pid_t child = fork();

	if (!child) {
		if (chroot("root"))
			_exit(126);
		syscall(SYS_execveat, program, "", command, environ, AT_EMPTY_PATH);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return result_of(status);
}

int run_controlled(const char *how, char *const *command)
{
	if (!strcmp(how, "elsewhere"))
		return run_elsewhere(command);
	return !strcmp(how, "traced") ? run_traced(command) : run_answered(command);
}
