// SPDX-License-Identifier: Apache-2.0
/* A process that has held a file open since before a policy, and uses it on request of other processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include "uses.h"

struct answer {
	int error;
	int process;
	int descriptor;
};

static void give(int client, struct answer *answer, int descriptor)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec piece = { answer, sizeof(*answer) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	if (descriptor >= 0) {
		struct cmsghdr *header = (void *)control;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
	}
	sendmsg(client, &message, 0);
}

int hold(const char *file, const char *path)
{
	int server = listen_at(path), held = open(file, O_RDWR);
	char wish, byte = 'x';

	if (server < 0 || held < 0 || daemon(0, 0))
		return -1;
	for (;;) {
		struct answer answer = { 0, getpid(), held };
		int client = accept(server, NULL, NULL);

		if (read(client, &wish, 1) != 1)
			exit(1);
		if (wish == 'm' && mmap(NULL, 1, PROT_READ, MAP_PRIVATE, held, 0) == MAP_FAILED)
			answer.error = errno;
		if (wish == 'w' && mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0) == MAP_FAILED)
			answer.error = errno;
		if (wish == 'r' && pread(held, &byte, 1, 0) < 0)
			answer.error = errno;
		if (wish == 'p' && pwrite(held, &byte, 1, 0) < 0)
			answer.error = errno;
		give(client, &answer, wish == 'g' ? held : -1);
		close(client);
	}
}

/* Makes the holder use its file, receives the descriptor from it, or takes it from the holder. */
int ask_holder(const char *wish, const char *path)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct answer answer;
	struct iovec piece = { &answer, sizeof(answer) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };
	int client = connect_to(path);

	if (client < 0 || write(client, wish, 1) != 1 || recvmsg(client, &message, 0) != sizeof(answer))
		return -1;
	errno = answer.error;
	if (errno)
		return -1;
	if (*wish == 't') {
		int process = syscall(SYS_pidfd_open, answer.process, 0);

		return syscall(SYS_pidfd_getfd, process, answer.descriptor, 0);
	}
	/* The kernel leaves a descriptor out of the message that may not be received. */
	errno = EACCES;
	return *wish == 'g' && !CMSG_FIRSTHDR(&message) ? -1 : 0;
}
