// SPDX-License-Identifier: Apache-2.0
/*
 * A container's entry point that tries at once what a policy forbids: it opens a file, runs a program and makes a socket.
 * Usage: first-access [FILE [PROGRAM]]. The exit status has a bit for each access that succeeded, and
 * UNEXPECTED for one that failed for another reason than a policy. As PROGRAM it exits at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_OPENED 1
#define PROGRAM_RUN 2
#define SOCKET_MADE 4
#define UNEXPECTED 8

/* Given to PROGRAM, which is this program under another name. */
#define ONLY_END "--end"

/* The bits for an access whose system call returned @result and set @error. */
static int outcome(int result, int error, int bit)
{
	if (result >= 0)
		return bit;
	return error == EACCES || error == EPERM ? 0 : UNEXPECTED;
}

static int run(char *program)
{
	char *arguments[] = { program, ONLY_END, NULL };
	/* Written by the child, which shares this memory until it runs the program. */
	volatile int error = 0;
	pid_t child = vfork();

	if (child == 0) {
		execv(program, arguments);
		error = errno;
		_exit(0);
	}
	if (child < 0)
		return UNEXPECTED;
	waitpid(child, NULL, 0);
	return outcome(error ? -1 : 0, error, PROGRAM_RUN);
}

int main(int count, char **arguments)
{
	char *file = count > 1 ? arguments[1] : "/etc/shadow";
	char *program = count > 2 ? arguments[2] : "/bin/forbidden";
	int status, result;

	if (count > 1 && !strcmp(arguments[1], ONLY_END))
		return 0;
	result = open(file, O_RDONLY);
	status = outcome(result, errno, FILE_OPENED);
	status |= run(program);
	result = socket(AF_INET, SOCK_DGRAM, 0);
	status |= outcome(result, errno, SOCKET_MADE);
	return status;
}
