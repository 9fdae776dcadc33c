// SPDX-License-Identifier: Apache-2.0
/*
 * Uses a file, a socket or memory in one of many ways that tests name.
 * Prints "ok" or the error; the exit status is 0 or 1 accordingly.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "uses.h"

#define ARGUMENT(number) ((number) < argc ? argv[number] : "")

static int say(int result)
{
	puts(result < 0 ? strerror(errno) : "ok");
	return result < 0;
}

/* A use of the descriptor would hide why the file cannot be opened. */
static int opened(const char *path)
{
	int file = open(path, O_RDONLY);

	if (file < 0)
		exit(say(-1));
	return file;
}

socklen_t name_socket(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	/* A leading @ stands for an abstract name, as in netstat. */
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
	/* The caller returns only once this process serves. */
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

int listen_at(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(path);
	return bind(server, (void *)&address, length) || listen(server, 100) ? -1 : server;
}

int connect_to(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(client, (void *)&address, length) ? -1 : client;
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
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	if (!strcmp(use, "serve"))
		return say(serve(first, second));
	if (!strcmp(use, "connect"))
		return say(reach(first, second));
	if (!strcmp(use, "sendto"))
		return say(send_to(first));
	if (!strcmp(use, "setxattr"))
		return say(setxattr(first, "user.use", "x", 1, 0));
	if (!strcmp(use, "trusted"))
		return say(setxattr(first, "trusted.use", "x", 1, 0));
	if (!strcmp(use, "fsetxattr"))
		return say(fsetxattr(opened(first), second, "x", 1, 0));
	if (!strcmp(use, "removexattr"))
		return say(removexattr(first, second));
	if (!strcmp(use, "acl"))
		return say(set_list(first));
	if (!strcmp(use, "times"))
		return say(utimensat(AT_FDCWD, first, past, 0));
	if (!strcmp(use, "times-now"))
		return say(utimensat(AT_FDCWD, first, NULL, 0));
	if (!strcmp(use, "times-of-link"))
		return say(utimensat(AT_FDCWD, first, past, AT_SYMLINK_NOFOLLOW));
	if (!strcmp(use, "ftimes"))
		return say(futimens(opened(first), past));
	if (!strcmp(use, "chattr"))
		return say(change_flags(first));
	if (!strcmp(use, "chattr-more"))
		return say(change_more_flags(first));
	if (!strcmp(use, "chattr-by-name"))
		return say(change_flags_by_name(first));
	if (!strcmp(use, "remove-list"))
		return say(remove_list(first));
	if (!strcmp(use, "by-path-descriptor"))
		return say(change_by_path_descriptor(first, second));
	if (!strcmp(use, "fchmod"))
		return say(fchmod(opened(first), 0600));
	if (!strcmp(use, "rename"))
		return say(rename_with(first, second, ARGUMENT(4)));
	if (!strcmp(use, "link-nameless"))
		return say(link_nameless(first, second));
	if (!strcmp(use, "open-in-thread"))
		return say(open_in_thread(first, second));
	if (!strcmp(use, "ring"))
		return say(use_by_ring(first, second, ARGUMENT(4)));
	if (!strcmp(use, "executable"))
		return say(make_executable(first, second));
	if (!strcmp(use, "program"))
		return say(write_program(first, second));
	if (!strcmp(use, "hold"))
		return say(hold(first, second));
	if (!strcmp(use, "holder"))
		return say(ask_holder(first, second));
	if (!strcmp(use, "keep"))
		return say(keep_file(first, second, ARGUMENT(4)));
	if (!strcmp(use, "keep-registered"))
		return say(keep_registered(first, second));
	if (!strcmp(use, "send"))
		return say(send_otherwise(first));
	if (!strcmp(use, "ask"))
		return say(ask_names(first, second, ARGUMENT(4)));
	if (!strcmp(use, "take"))
		return say(take_from(first, second));
	if (!strcmp(use, "serve-peers"))
		return say(serve_peers());
	if (!strcmp(use, "come"))
		return say(come_to_server(first));
	if (!strcmp(use, "sctp"))
		return say(use_sctp(first, second));
	if (!strcmp(use, "reach-into") && argc > 3)
		return say(reach_into_program(first, argv + 3));
	if (!strcmp(use, "run") && argc > 3)
		return say(run_controlled(first, argv + 3));
	fprintf(stderr, "no such use: %s\n", use);
	return 2;
}
