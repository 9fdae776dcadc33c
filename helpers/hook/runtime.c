// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "request.h"
#include "child.h"
#include "decision.h"
#include "runtime.h"
#include "log.h"

static struct arguments arguments;
static struct settings settings;
static struct state state;
/* What the real runtime prints, or the state that is written here. */
static char state_text[STATE_MAX];

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
	char message[2 * LINE_SIZE];
	va_list values;

	va_start(values, format);
	vsnprintf(message, sizeof(message), format, values);
	va_end(values);
	write_runtime_error(arguments.log, arguments.log_format && !strcmp(arguments.log_format, "json"), message);
	return 1;
}

static bool is_program(const char *path)
{
	struct stat status;

	return !access(path, X_OK) && !stat(path, &status) && S_ISREG(status.st_mode);
}

/* Finds a program as a shell does. */
static bool find_program(const char *name, char path[PATH_MAX])
{
	const char *directories = getenv("PATH");

	if (strchr(name, '/'))
		return copy_string(path, PATH_MAX, name) && is_program(path);
	if (!directories)
		directories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	while (*name && *directories) {
		size_t length = strcspn(directories, ":");

		if (length && snprintf(path, PATH_MAX, "%.*s/%s", (int)length, directories, name) < PATH_MAX &&
		    is_program(path))
			return true;
		directories += length + (directories[length] == ':');
	}
	return false;
}

/* A runtime that calls itself would never end. */
static bool is_this_program(const char *path)
{
	struct stat ours, theirs;

	return !stat("/proc/self/exe", &ours) && !stat(path, &theirs) && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

/* Runs the real runtime with the global options of this call. */
static int run_command(const char *const *command, char *output, size_t size)
{
	char **argv = calloc(arguments.global_count + 4, sizeof(*argv));
	int status;

	if (!argv)
		return -1;
	memcpy(argv, arguments.real, arguments.global_count * sizeof(*argv));
	for (size_t index = 0; index < 3 && command[index]; index++)
		argv[arguments.global_count + index] = (char *)command[index];
	status = run_child(argv, false, output, size);
	free(argv);
	return status;
}

/* If no file names it, the real runtime is asked for the process. */
static int created_pid(void)
{
	const char *const command[] = { "state", arguments.id, NULL };
	static struct state printed;
	char digits[32], *end;
	long pid;

	if (!arguments.pid_file) {
		if (run_command(command, state_text, sizeof(state_text)) ||
		    read_state(state_text, strlen(state_text), RUNTIME_DOCKER, &printed))
			return 0;
		return printed.pid;
	}
	if (read_file(arguments.pid_file, digits, sizeof(digits)) < 0)
		return 0;
	errno = 0;
	pid = strtol(digits, &end, 10);
	return end == digits || end[strspn(end, "\n")] || errno || pid < 1 || pid > INT_MAX ? 0 : (int)pid;
}

/* Returns what is wrong, or NULL. */
static const char *find_state(void)
{
	static char bundle[PATH_MAX];
	struct text text;
	int pid = created_pid();

	copy_string(state.id, sizeof(state.id), arguments.id);
	if (!pid)
		return "the real runtime does not say which process it has made";
	if (!realpath(arguments.bundle ? arguments.bundle : ".", bundle))
		return "the bundle is not there";
	text = text_in(state_text, sizeof(state_text));
	text_add(&text, "{\"ociVersion\":\"1.0.2\",\"id\":");
	text_add_json(&text, arguments.id);
	text_add(&text, ",\"status\":\"created\",\"pid\":%d", pid);
	text_add_member(&text, "bundle", bundle);
	text_add(&text, "}");
	return read_state(state_text, text.length, RUNTIME_DOCKER, &state);
}

static int refuse(const char *reason)
{
	const char *const command[] = { "delete", "--force", arguments.id };
	int status = run_command(command, NULL, 0);

	if (arguments.pid_file)
		unlink(arguments.pid_file);
	return fail("Hauberk refuses to start the container: %s%s", reason,
		    status ? "; deleting what had been made of it has failed" : "");
}

static int create(void)
{
	char reason[LINE_SIZE];
	const char *problem;
	int64_t deadline;
	int status;

	block_signals();
	status = run_child(arguments.real, true, NULL, 0);
	if (status < 0)
		return fail("Hauberk cannot run %s: %s", arguments.real[0], strerror(errno));
	if (status)
		return status;
	read_settings(arguments.config, &settings);
	deadline = milliseconds_now() + settings.timeout_seconds * 1000;
	problem = find_state();
	if (!may_start(&settings, RUNTIME_DOCKER, &state, problem, deadline, reason))
		return refuse(reason);
	return was_interrupted() ? refuse("interrupted by a signal") : 0;
}

int run_as_runtime(char **argv)
{
	const char *misunderstood = read_arguments(argv, &arguments);
	static char path[PATH_MAX];

	if (misunderstood)
		return fail("Hauberk cannot follow the runtime's arguments: %s", misunderstood);
	if (!find_program(arguments.real_runtime, path))
		return fail("Hauberk does not find the real runtime %s", arguments.real_runtime);
	if (is_this_program(path))
		return fail("Hauberk's runtime cannot be its own real runtime: %s", path);
	arguments.real[0] = path;
	if (arguments.is_create && !arguments.wants_help)
		return create();
	execv(path, arguments.real);
	return fail("Hauberk cannot run %s: %s", path, strerror(errno));
}
