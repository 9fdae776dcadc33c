// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

static const int HELD[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static sigset_t held, mask_before;
static struct sigaction child_action_before;

void block_signals(void)
{
	/* Whoever has called us may ignore the ends of children; then there would be none to wait for. */
	struct sigaction by_default = { .sa_handler = SIG_DFL };

	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	for (size_t index = 0; index < sizeof(HELD) / sizeof(*HELD); index++)
		sigaddset(&held, HELD[index]);
	sigprocmask(SIG_BLOCK, &held, &mask_before);
	sigaction(SIGCHLD, &by_default, &child_action_before);
}

bool was_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t index = 0; index < sizeof(HELD) / sizeof(*HELD); index++)
		if (sigismember(&pending, HELD[index]))
			return true;
	return false;
}

__attribute__((noreturn)) static void become(char *const *argv, pid_t parent, const int *pipe_ends)
{
	/* A signal to this process is meant for the real runtime. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (pipe_ends)
		dup2(pipe_ends[1], STDOUT_FILENO);
	sigaction(SIGCHLD, &child_action_before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
	execv(argv[0], argv);
	dprintf(STDERR_FILENO, "Hauberk cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void read_output(int from, char *output, size_t size)
{
	char rest[512];
	size_t length = 0;
	ssize_t got;

	do {
		bool fits = length < size - 1;

		got = read(from, fits ? output + length : rest, fits ? size - 1 - length : sizeof(rest));
		if (got > 0 && fits)
			length += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	output[length] = 0;
}

static int wait_for(pid_t child, bool forward)
{
	pid_t ended = 0;
	int status;

	while (ended == 0 || (ended < 0 && errno == EINTR)) {
		int signal = forward ? sigwaitinfo(&held, NULL) : 0;

		if (signal > 0 && signal != SIGCHLD)
			kill(child, signal);
		ended = waitpid(child, &status, forward ? WNOHANG : 0);
	}
	if (ended < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_child(char *const *argv, bool forward, char *output, size_t size)
{
	pid_t parent = getpid(), child;
	int pipe_ends[2];

	if (output && pipe2(pipe_ends, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child)
		become(argv, parent, output ? pipe_ends : NULL);
	if (output) {
		close(pipe_ends[1]);
		if (child > 0)
			read_output(pipe_ends[0], output, size);
		close(pipe_ends[0]);
	}
	return child < 0 ? -1 : wait_for(child, forward);
}
