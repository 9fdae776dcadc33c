// SPDX-License-Identifier: Apache-2.0
// hauberk-pod: what the pods that install the hook would need a shell for, which Hauberk's image has not.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The statuses of env(1) and chroot(1). */
enum { USAGE = 2, FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

static const char HELP[] = "usage: hauberk-pod pause\n"
			   "         do nothing until it is stopped\n"
			   "       hauberk-pod chroot DIRECTORY PROGRAM [ARGUMENT]...\n"
			   "         run a program of another root directory, with its libraries\n";

static int fail(const char *what, int status)
{
	fprintf(stderr, "hauberk-pod: %s: %s\n", what, strerror(errno));
	return status;
}

int main(int count, char **arguments)
{
	if (count == 2 && !strcmp(arguments[1], "pause"))
		for (;;)
			pause();
	if (count < 4 || strcmp(arguments[1], "chroot")) {
		fputs(HELP, stderr);
		return USAGE;
	}
	if (chroot(arguments[2]) || chdir("/"))
		return fail(arguments[2], FAILED);
	execvp(arguments[3], arguments + 3);
	return fail(arguments[3], errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}
