// SPDX-License-Identifier: Apache-2.0
// hauberk-run: runs a command in pid and mount namespaces of its own, not before it is told to. `hauberk run` starts it,
// reads from descriptor 3 the lines "ready PID", then "exited STATUS" or "killed SIGNAL", and writes a byte to
// descriptor 4 for the command to begin. When descriptor 4 is closed all that runs in the namespaces ends.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT = 3, ORDERS = 4, START = 5 };

/* What process 1 of the namespaces is called, and known by. */
static char first_name[] = "hauberk-run: first";

/* The statuses of env(1) and timeout(1). */
enum { FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

/* What is handed on to the command. */
static const int FORWARDED[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
/* A terminal sends a signal to the whole group, and the caller hands on what it got as one of it. */
enum { SAME_SIGNAL_MILLISECONDS = 500 };

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "hauberk: %s: %s\n", what, strerror(errno));
	_exit(FAILED);
}

static long milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_file(const char *path, const char *format, ...)
{
	char text[64];
	va_list values;
	int file = open(path, O_WRONLY | O_CLOEXEC), length;

	va_start(values, format);
	length = vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (file < 0 || write(file, text, length) != length)
		fail(path);
	close(file);
}

/* In its own user namespace the caller stays who it is, and gains nothing outside. */
static void keep_user(uid_t user, gid_t group)
{
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "%u %u 1", user, user);
	write_file("/proc/self/gid_map", "%u %u 1", group, group);
}

/* Signals are read, not handled, so that none comes at a moment when it would be lost; children begin so, too. */
static int take_signals(sigset_t *before)
{
	sigset_t taken;
	int signals;

	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	for (size_t index = 0; index < sizeof(FORWARDED) / sizeof(*FORWARDED); index++)
		sigaddset(&taken, FORWARDED[index]);
	sigprocmask(SIG_BLOCK, &taken, before);
	signals = signalfd(-1, &taken, SFD_CLOEXEC);
	if (signals < 0)
		fail("signalfd");
	return signals;
}

/* Hands a signal on to a child, unless the terminal has sent it to the child as well. */
static void hand_on(const struct signalfd_siginfo *got, pid_t child)
{
	static long from_terminal[NSIG];
	long now = milliseconds_now(), *last = &from_terminal[got->ssi_signo];

	if (got->ssi_code == SI_KERNEL) {
		*last = now;
		return;
	}
	if (*last && now - *last < SAME_SIGNAL_MILLISECONDS)
		*last = 0;
	else if (child > 0)
		kill(child, got->ssi_signo);
}

/* Waits until it is told to begin. Until it runs the command it is not a process that a rule binds. */
static _Noreturn void be_command(char **command, int start, const sigset_t *signals)
{
	char order;
	int problem;

	if (read(start, &order, 1) != 1)
		_exit(FAILED);
	sigprocmask(SIG_SETMASK, signals, NULL);
	execvp(command[0], command);
	problem = errno;
	dprintf(STDERR_FILENO, "hauberk: cannot run %s: %s\n", command[0], strerror(problem));
	_exit(problem == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/*
 * Makes the command's process, and runs this program again as process 1: by a path of the new mount namespace, so that
 * it is under the policies like any other. Tracing it gives nothing.
 */
static _Noreturn void become_first(char **command, const sigset_t *signals)
{
	char path[PATH_MAX] = "", number[16];
	char *words[] = { first_name, number, NULL };
	int start[2];
	pid_t child;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) {
		if (errno != EINVAL)
			fail("cannot keep mounts to itself");
		dprintf(STDERR_FILENO, "hauberk: / is not a mount point: hauberk run does not work in a chroot\n");
		_exit(FAILED);
	}
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		fail("cannot mount /proc of its own");
	if (pipe2(start, O_CLOEXEC))
		fail("pipe");
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		close(start[1]);
		be_command(command, start[0], signals);
	}
	close(start[0]);
	if (fcntl(REPORT, F_SETFD, 0) || fcntl(ORDERS, F_SETFD, 0))
		fail("fcntl");
	if (start[1] == START ? fcntl(START, F_SETFD, 0) : dup2(start[1], START) != START)
		fail("dup2");
	snprintf(number, sizeof(number), "%d", child);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) > 0)
		execv(path, words);
	fail("cannot run hauberk-run in the namespaces");
}

/* Takes in what has ended; reports the command. Process 1 inherits all others. */
static void reap(pid_t *command)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != *command)
			continue;
		*command = 0;
		/* Processes it has left behind end with it. */
		kill(-1, SIGKILL);
		if (WIFSIGNALED(status))
			dprintf(REPORT, "killed %d\n", WTERMSIG(status));
		else
			dprintf(REPORT, "exited %d\n", WEXITSTATUS(status));
	}
}

static _Noreturn void be_first(pid_t command)
{
	int signals = take_signals(NULL);
	struct pollfd waiting[] = { { .fd = ORDERS, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	int has_begun = 0;

	dprintf(REPORT, "mounted\n");
	for (;;) {
		struct signalfd_siginfo got;
		char order;

		if (poll(waiting, 2, -1) < 0 && errno != EINTR)
			fail("poll");
		if (waiting[0].revents) {
			if (read(ORDERS, &order, 1) != 1 || write(START, &order, 1) != 1)
				_exit(0);
			has_begun = 1;
		}
		if (waiting[1].revents && read(signals, &got, sizeof(got)) == sizeof(got)) {
			if (got.ssi_signo == SIGCHLD)
				reap(&command);
			else if (!has_begun)
				/* Nobody would get it later. */
				_exit(0);
			else
				hand_on(&got, command);
		}
	}
}

/*
 * Ends the namespaces with their first process when ORDERS is closed: the command may have made that process do something
 * else than to end by itself, as by ptrace(2). Of orders it reads none.
 */
static int wait_for(pid_t first, int signals)
{
	struct pollfd waiting[] = { { .fd = ORDERS, .events = POLLRDHUP }, { .fd = signals, .events = POLLIN } };
	int status = 0;

	for (;;) {
		struct signalfd_siginfo got;

		if (poll(waiting, 2, -1) < 0 && errno != EINTR)
			fail("poll");
		if (waiting[0].revents) {
			kill(first, SIGKILL);
			waiting[0].fd = -1;
		}
		if (!(waiting[1].revents & POLLIN) || read(signals, &got, sizeof(got)) != sizeof(got))
			continue;
		if (got.ssi_signo != SIGCHLD)
			hand_on(&got, first);
		else if (waitpid(first, &status, WNOHANG) == first)
			return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
	}
}

int main(int argc, char **argv)
{
	unsigned long namespaces = CLONE_NEWPID | CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0);
	uid_t user = geteuid();
	gid_t group = getegid();
	sigset_t before;
	pid_t first;
	int signals;

	if (argc == 2 && strcmp(argv[0], first_name) == 0)
		be_first(atoi(argv[1]));
	if (argc < 2) {
		dprintf(STDERR_FILENO, "usage: hauberk-run COMMAND [ARGUMENT]...\n");
		return FAILED;
	}
	if (fcntl(REPORT, F_SETFD, FD_CLOEXEC) || fcntl(ORDERS, F_SETFD, FD_CLOEXEC))
		fail("hauberk-run is started by `hauberk run`");
	signals = take_signals(&before);
	/* As fork(2), but with the namespaces. */
	first = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
	if (first < 0)
		fail(user ? "cannot make namespaces; unprivileged user namespaces may be switched off" :
			    "cannot make namespaces");
	if (first == 0) {
		close(signals);
		if (namespaces & CLONE_NEWUSER)
			keep_user(user, group);
		become_first(argv + 1, &before);
	}
	dprintf(REPORT, "ready %d\n", first);
	return wait_for(first, signals);
}
