// SPDX-License-Identifier: Apache-2.0
/*
 * Times system calls on request. A request is a line such as "open 1000", the
 * answer a line with the nanoseconds of each call. "read PATH" answers with the
 * errno of opening a file, or 0; "refused PATH" opens it again and again and
 * answers with the time of CLOCK_MONOTONIC at which that was first refused.
 * Usage: system-calls OPENED REMOVED PROGRAM
 * OPENED is a file to create and open, REMOVED a prefix for files to create and
 * remove, PROGRAM a program to run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 128
#define POLL_MICROSECONDS 200

static const char *opened;
static const char *removed;
static const char *program;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long time_open(int count)
{
	long long began = now();

	for (int i = 0; i < count; i++) {
		int fd = open(opened, O_RDONLY);

		if (fd < 0)
			fail(opened);
		close(fd);
	}
	return now() - began;
}

static long long time_fork(int count)
{
	long long began = now();

	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(0);
		if (child < 0 || waitpid(child, &status, 0) < 0 || status)
			fail("fork");
	}
	return now() - began;
}

static void run(const char *path, char *const arguments[])
{
	char *const environment[] = { NULL };
	int status;
	pid_t child;

	errno = posix_spawn(&child, path, NULL, NULL, arguments, environment);
	if (errno)
		fail(path);
	if (waitpid(child, &status, 0) < 0 || status)
		fail("waitpid");
}

static long long time_exec(int count)
{
	char *const arguments[] = { (char *)program, NULL };
	long long began = now();

	for (int i = 0; i < count; i++)
		run(program, arguments);
	return now() - began;
}

/* Only connect(2) is timed, without setting up and closing sockets. */
static long long time_connect(int count)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* Otherwise every connection would keep its port for a minute. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int sockets[CONNECTIONS_MAX];
	long long elapsed;

	if (count > CONNECTIONS_MAX || bind(listener, (struct sockaddr *)&address, length) ||
	    listen(listener, CONNECTIONS_MAX) || getsockname(listener, (struct sockaddr *)&address, &length))
		fail("listen");
	for (int i = 0; i < count; i++)
		sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
	elapsed = -now();
	for (int i = 0; i < count; i++)
		if (connect(sockets[i], (struct sockaddr *)&address, length))
			fail("connect");
	elapsed += now();
	for (int i = 0; i < count; i++) {
		setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(sockets[i]);
	}
	close(listener);
	return elapsed;
}

static char *removed_file(int number)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s-%d", removed, number);
	return path;
}

static long long time_unlink(int count)
{
	long long elapsed;

	for (int i = 0; i < count; i++) {
		int fd = open(removed_file(i), O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (fd < 0)
			fail("create");
		close(fd);
	}
	elapsed = -now();
	for (int i = 0; i < count; i++)
		if (unlink(removed_file(i)))
			fail("unlink");
	return elapsed + now();
}

static const char *written_file(void)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s-written", removed);
	return path;
}

/* As a program that copies a file in small pieces. */
static long long time_write(int count)
{
	int fd = open(written_file(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char piece[256] = { 0 };
	long long elapsed;

	if (fd < 0)
		fail(written_file());
	elapsed = -now();
	for (int i = 0; i < count; i++)
		if (write(fd, piece, sizeof(piece)) != sizeof(piece))
			fail("write");
	elapsed += now();
	close(fd);
	return elapsed;
}

/* A script that runs the program twice. */
static long long time_shell(int count)
{
	char *const arguments[] = { "sh", "-c", "\"$0\" && \"$0\" || exit 1; exit 0", (char *)program, NULL };
	long long began = now();

	for (int i = 0; i < count; i++)
		run("/bin/sh", arguments);
	return now() - began;
}

static const struct {
	const char *name;
	long long (*run)(int count);
} kinds[] = {
	{ "open", time_open },
	{ "fork", time_fork },
	{ "exec", time_exec },
	{ "connect", time_connect },
	{ "unlink", time_unlink },
	{ "write", time_write },
	{ "shell", time_shell },
};

static void answer(const char *name, const char *value)
{
	if (!strcmp(name, "read")) {
		int fd = open(value, O_RDONLY);

		printf("%d\n", fd < 0 ? errno : 0);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (!strcmp(name, "refused")) {
		for (;;) {
			int fd = open(value, O_RDONLY);

			if (fd < 0 && errno == EACCES)
				break;
			if (fd < 0)
				fail(value);
			close(fd);
			usleep(POLL_MICROSECONDS);
		}
		printf("%lld\n", now());
		return;
	}
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int count = atoi(value);

		if (!strcmp(name, kinds[i].name) && count > 0) {
			printf("%.1f\n", (double)kinds[i].run(count) / count);
			return;
		}
	}
	errno = EINVAL;
	fail(name);
}

int main(int argc, char **argv)
{
	char name[16], value[PATH_MAX];
	int fd;

	if (argc != 4)
		return 2;
	opened = argv[1];
	removed = argv[2];
	program = argv[3];
	fd = open(opened, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		fail(opened);
	close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %4095s", name, value) == 2)
		answer(name, value);
	return 0;
}
