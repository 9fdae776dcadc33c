// SPDX-License-Identifier: Apache-2.0
/* Ways to use files that were opened before a policy, and memory mapped from them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "uses.h"

static void tell(const char *technique, long result)
{
	printf("%s: %s\n", technique, result < 0 ? strerror(errno) : "ok");
}

static void wait_for(const char *path)
{
	fflush(stdout);
	while (access(path, F_OK))
		usleep(20000);
}

static long map(int file, int protection)
{
	void *memory = mmap(NULL, 4096, protection, MAP_SHARED, file, 0);

	return memory == MAP_FAILED ? -1 : munmap(memory, 4096);
}

static long submit(int file)
{
	struct iocb request = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = file };
	struct iocb *requests[1] = { &request };
	struct io_event event;
	aio_context_t context = 0;
	static char byte;

	request.aio_buf = (uintptr_t)&byte;
	request.aio_nbytes = 1;
	if (syscall(SYS_io_setup, 1, &context) || syscall(SYS_io_submit, context, 1, requests) < 0)
		return -1;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) < 0)
		return -1;
	errno = -event.res;
	return event.res;
}

/* Reads the same open file in another process, by another descriptor number. */
static long read_in_child(int file)
{
	int status;
	char byte;

	if (!fork()) {
		int copy = dup(file);

		_exit(pread(copy, &byte, 1, 0) < 0 ? errno : 0);
	}
	wait(&status);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

int keep_file(const char *path, const char *directory, const char *trigger)
{
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int file = open(path, O_RDWR), names = open(directory, O_RDONLY | O_DIRECTORY);
	int other = open("/v/other", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];
	char *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	struct iovec piece = { .iov_len = 1 };
	char byte = 'x', entries[4096];
	loff_t place;

	if (file < 0 || names < 0 || other < 0 || mapped == MAP_FAILED || pipe(pipes) || write(other, "xxxx", 4) != 4)
		return -1;
	piece.iov_base = &byte;
	puts("ready");
	wait_for(trigger);
	tell("read", read(file, &byte, 1));
	tell("pread", pread(file, &byte, 1, 0));
	tell("readv", preadv(file, &piece, 1, 0));
	tell("write", write(file, &byte, 1));
	tell("pwrite", pwrite(file, &byte, 1, 0));
	tell("writev", pwritev(file, &piece, 1, 0));
	place = 0;
	tell("sendfile from it", sendfile(pipes[1], file, &place, 1));
	place = 0;
	tell("sendfile to it", sendfile(file, other, &place, 1));
	place = 0;
	tell("splice from it", splice(file, &place, pipes[1], NULL, 1, 0));
	place = 0;
	/* Fills the pipe even if the call before failed. */
	if (write(pipes[1], &byte, 1) == 1)
		tell("splice to it", splice(pipes[0], NULL, file, &place, 1, 0));
	tell("copy_file_range from it", copy_file_range(file, &(loff_t){ 0 }, other, &(loff_t){ 0 }, 1, 0));
	tell("copy_file_range to it", copy_file_range(other, &(loff_t){ 0 }, file, &(loff_t){ 0 }, 1, 0));
	tell("fallocate", fallocate(file, 0, 0, 4096));
	tell("ftruncate", ftruncate(file, 4096));
	tell("futimens", futimens(file, past));
	tell("fchmod", fchmod(file, 0600));
	tell("mmap", map(file, PROT_READ));
	tell("mmap to write", map(file, PROT_READ | PROT_WRITE));
	tell("io_submit", submit(file));
	tell("read in a child", read_in_child(file));
	tell("getdents", syscall(SYS_getdents64, names, entries, sizeof(entries)));
	byte = mapped[0];
	return puts("end");
}

/* Reads a file that is registered with an io_uring ring and in no table of descriptors. */
int keep_registered(const char *path, const char *trigger)
{
	struct io_uring_params parameters = {};
	int ring = syscall(SYS_io_uring_setup, 1, &parameters), file = open(path, O_RDONLY);
	struct io_uring_sqe *entry;
	struct io_uring_cqe *done;
	char *submitted, *completed, byte;
	size_t room = parameters.cq_off.cqes + parameters.cq_entries * sizeof(*done);

	if (ring < 0 || file < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &file, 1))
		return -1;
	close(file);
	submitted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	completed = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	entry = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (submitted == MAP_FAILED || completed == MAP_FAILED || (void *)entry == MAP_FAILED)
		return -1;
	puts("ready");
	wait_for(trigger);
	*entry = (struct io_uring_sqe){ .opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .len = 1 };
	entry->addr = (uintptr_t)&byte;
	((unsigned *)(submitted + parameters.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(submitted + parameters.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	done = (struct io_uring_cqe *)(completed + parameters.cq_off.cqes);
	errno = -done->res;
	tell("read a registered file", done->res);
	return puts("end");
}
