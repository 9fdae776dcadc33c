// SPDX-License-Identifier: Apache-2.0
/* Ways to change names or attributes of files for which the C library has no function. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "uses.h"

/* The number is the same on every architecture. */
#define CALL_FILE_GETATTR 468
#define CALL_FILE_SETATTR 469

int rename_with(const char *how, const char *from, const char *to)
{
	unsigned int flags = !strcmp(how, "exchange") ? RENAME_EXCHANGE : !strcmp(how, "whiteout") ? RENAME_WHITEOUT : 0;

	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

/* Links a file of O_TMPFILE to its first name. */
int link_nameless(const char *directory, const char *to)
{
	char self[64];
	int file = open(directory, O_TMPFILE | O_RDWR, 0600);

	if (file < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	return linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

struct opening {
	const char *name, *path;
	int error;
};

static void *open_as_thread(void *argument)
{
	struct opening *opening = argument;

	prctl(PR_SET_NAME, opening->name);
	opening->error = open(opening->path, O_RDONLY) < 0 ? errno : 0;
	return NULL;
}

/* Opens a file in a thread with a name of its own. */
int open_in_thread(const char *name, const char *path)
{
	struct opening opening = { .name = name, .path = path };
	pthread_t thread;

	errno = pthread_create(&thread, NULL, open_as_thread, &opening);
	if (errno)
		return -1;
	pthread_join(thread, NULL);
	/* The process is looked up once its event is read. */
	sleep(1);
	errno = opening.error;
	return errno ? -1 : 0;
}

/* Sets an access control list equivalent to mode 0640: acl(5), in the kernel's format. */
int set_list(const char *path)
{
	static const struct {
		uint32_t version;
		struct { uint16_t tag, permissions; uint32_t id; } entries[3];
	} list = { 2, { { 1, 6, -1 }, { 4, 4, -1 }, { 32, 0, -1 } } };

	return setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0);
}

/* Succeeds also where there is no list. */
int remove_list(const char *path)
{
	return removexattr(path, "system.posix_acl_access");
}

int change_flags(const char *path)
{
	int file = open(path, O_RDONLY), flags;

	if (file < 0 || ioctl(file, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags ^= FS_NODUMP_FL;
	return ioctl(file, FS_IOC_SETFLAGS, &flags);
}

int change_more_flags(const char *path)
{
	int file = open(path, O_RDONLY);
	struct fsxattr flags;

	if (file < 0 || ioctl(file, FS_IOC_FSGETXATTR, &flags))
		return -1;
	flags.fsx_xflags ^= FS_XFLAG_NODUMP;
	return ioctl(file, FS_IOC_FSSETXATTR, &flags);
}

/* By file_setattr(2), or by an ioctl where the kernel has no such call. */
int change_flags_by_name(const char *path)
{
	struct { uint64_t flags; uint32_t others[4]; } attributes = { 0 };

	if (syscall(CALL_FILE_GETATTR, AT_FDCWD, path, &attributes, sizeof(attributes), 0))
		return errno == ENOSYS ? change_more_flags(path) : -1;
	attributes.flags ^= FS_XFLAG_NODUMP;
	return syscall(CALL_FILE_SETATTR, AT_FDCWD, path, &attributes, sizeof(attributes), 0);
}

/* A descriptor opened with O_PATH. */
int change_by_path_descriptor(const char *how, const char *path)
{
	static const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char self[64];
	int file = open(path, O_PATH);

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	if (!strcmp(how, "mode"))
		return chmod(self, 0600);
	if (!strcmp(how, "owner"))
		return fchownat(file, "", 0, 0, AT_EMPTY_PATH);
	return utimensat(AT_FDCWD, self, past, 0);
}
