// A library to be preloaded: makes one system call on the files below a directory fail, the first, second or any later one.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char directory[PATH_MAX];
static int failing_error;
/** How many calls are left until one fails; negative afterwards. */
static atomic_int left = -1;

/** Lets the call of this number fail, counted from 1, among those on files below a directory; 0 for none. */
void fail_call(const char *below, int number, int error)
{
	atomic_store(&left, -1);
	snprintf(directory, sizeof(directory), "%s/", below);
	failing_error = error;
	atomic_store(&left, number > 0 ? number : -1);
}

/** Whether the call that fail_call has chosen has not been made. */
int is_failure_left(void)
{
	return atomic_load(&left) > 0;
}

static bool fails_at(const char *path)
{
	if (atomic_load(&left) <= 0 || strncmp(path, directory, strlen(directory)) != 0) return false;
	if (atomic_fetch_sub(&left, 1) != 1) return false;
	errno = failing_error;
	return true;
}

static bool fails_on(int descriptor)
{
	if (atomic_load(&left) <= 0) return false;
	int before = errno;
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	ssize_t bytes = readlink(link, path, sizeof(path) - 1);
	errno = before;
	if (bytes < 0) return false;
	path[bytes] = '\0';
	return fails_at(path);
}

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

#define OF_DESCRIPTOR(type, name, parameters, arguments) \
	type name parameters \
	{ \
		return fails_on(descriptor) ? -1 : NEXT(name) arguments; \
	}

#define OF_PATH(name, parameters, arguments) \
	int name parameters \
	{ \
		return fails_at(path) ? -1 : NEXT(name) arguments; \
	}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list rest; \
		va_start(rest, flags); \
		mode_t mode = va_arg(rest, mode_t); \
		va_end(rest); \
		return fails_at(path) ? -1 : NEXT(name)(path, flags, mode); \
	}

OPEN(open)
OPEN(open64)
OF_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
OF_PATH(rename, (const char *path, const char *to), (path, to))
OF_PATH(unlink, (const char *path), (path))
OF_DESCRIPTOR(ssize_t, read, (int descriptor, void *data, size_t bytes), (descriptor, data, bytes))
OF_DESCRIPTOR(ssize_t, pread64, (int descriptor, void *data, size_t bytes, off64_t at), (descriptor, data, bytes, at))
OF_DESCRIPTOR(ssize_t, pread, (int descriptor, void *data, size_t bytes, off_t at), (descriptor, data, bytes, at))
OF_DESCRIPTOR(ssize_t, write, (int descriptor, const void *data, size_t bytes), (descriptor, data, bytes))
OF_DESCRIPTOR(ssize_t, pwrite64, (int descriptor, const void *data, size_t bytes, off64_t at), (descriptor, data, bytes, at))
OF_DESCRIPTOR(ssize_t, pwrite, (int descriptor, const void *data, size_t bytes, off_t at), (descriptor, data, bytes, at))
OF_DESCRIPTOR(ssize_t, writev, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
OF_DESCRIPTOR(int, fsync, (int descriptor), (descriptor))
OF_DESCRIPTOR(int, fdatasync, (int descriptor), (descriptor))
OF_DESCRIPTOR(int, ftruncate64, (int descriptor, off64_t bytes), (descriptor, bytes))
OF_DESCRIPTOR(int, ftruncate, (int descriptor, off_t bytes), (descriptor, bytes))
