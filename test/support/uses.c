// SPDX-License-Identifier: Apache-2.0
/*
 * Uses a file, a socket or memory in one of the ways that the tests ask about.
 * Prints "ok", or why not; the exit status says the same.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGUMENT(number) ((number) < argc ? argv[number] : "")

static int say(int result)
{
	puts(result < 0 ? strerror(errno) : "ok");
	return result < 0;
}

static socklen_t name_socket(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	/* As netstat writes abstract names. */
	if (path[0] == '@')
		address->sun_path[0] = 0;
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@');
}

static int type_of(const char *name)
{
	return !strcmp(name, "stream") ? SOCK_STREAM : !strcmp(name, "dgram") ? SOCK_DGRAM : SOCK_SEQPACKET;
}

static int serve(const char *type, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int server = socket(AF_UNIX, type_of(type), 0);

	unlink(path);
	if (bind(server, (void *)&address, length))
		return -1;
	if (type_of(type) != SOCK_DGRAM && listen(server, 100))
		return -1;
	/* Whoever started this waits until it serves. */
	if (daemon(0, 0))
		return -1;
	for (;;)
		pause();
}

static int reach(const char *type, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int client = socket(AF_UNIX, type_of(type) | SOCK_NONBLOCK, 0);

	return connect(client, (void *)&address, length);
}

static int send_to(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	return sendto(client, "x", 1, 0, (void *)&address, length);
}

int main(int argc, char **argv)
{
	const char *use = ARGUMENT(1), *first = ARGUMENT(2), *second = ARGUMENT(3);

	if (!strcmp(use, "serve"))
		return say(serve(first, second));
	if (!strcmp(use, "connect"))
		return say(reach(first, second));
	if (!strcmp(use, "sendto"))
		return say(send_to(first));
	fprintf(stderr, "no such use: %s\n", use);
	return 2;
}
