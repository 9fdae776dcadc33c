// SPDX-License-Identifier: Apache-2.0
/* Uses of io_uring, some of which a kernel thread performs for the program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "uses.h"

static int submit(struct io_uring_sqe request)
{
	struct io_uring_params parameters = {};
	int ring = syscall(SYS_io_uring_setup, 1, &parameters);
	size_t room = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
	struct io_uring_sqe *entry;
	struct io_uring_cqe *done;
	char *submitted, *completed;

	if (ring < 0)
		return -1;
	submitted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	completed = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	entry = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (submitted == MAP_FAILED || completed == MAP_FAILED || (void *)entry == MAP_FAILED)
		return -1;
	request.flags = IOSQE_ASYNC;
	*entry = request;
	((unsigned *)(submitted + parameters.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(submitted + parameters.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	done = (struct io_uring_cqe *)(completed + parameters.cq_off.cqes);
	errno = -done->res;
	return done->res < 0 ? -1 : done->res;
}

static int connect_by_ring(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, path);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	return submit((struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = client, .addr = (uintptr_t)&address,
		.off = length });
}

static int send_by_ring(void)
{
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	struct msghdr *message = message_with_route();

	return submit((struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG, .fd = client, .addr = (uintptr_t)message,
		.len = 1 });
}

int use_by_ring(const char *how, const char *first, const char *second)
{
	uintptr_t from = (uintptr_t)first, to = (uintptr_t)second;

	if (!strcmp(how, "open"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = from });
	if (!strcmp(how, "rename"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .addr = from, .off = to,
			.len = AT_FDCWD });
	if (!strcmp(how, "link"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_LINKAT, .fd = AT_FDCWD, .addr = from, .off = to,
			.len = AT_FDCWD });
	if (!strcmp(how, "unlink"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = from });
	if (!strcmp(how, "setxattr"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_SETXATTR, .addr = (uintptr_t)"trusted.ring",
			.off = (uintptr_t)"x", .len = 1, .addr3 = from });
	if (!strcmp(how, "connect"))
		return connect_by_ring(first);
	if (!strcmp(how, "raw"))
		return submit((struct io_uring_sqe){ .opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_RAW,
			.len = 255 });
	if (!strcmp(how, "route-beside"))
		return send_by_ring();
	return -1;
}
