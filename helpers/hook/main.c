// SPDX-License-Identifier: Apache-2.0
// hauberk-hook: keeps a container from its first instruction until hauberkd has its policy in the kernel.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "request.h"
#include "decision.h"
#include "runtime.h"

static const char USAGE[] = "usage: hauberk-hook --runtime docker|containerd|crio|podman [--config FILE] <STATE\n"
			    "       hauberk-hook runtime [--hauberk-real-runtime PATH] [--hauberk-config FILE] ARGUMENT...\n"
			    "The first is an OCI createRuntime hook. The second, also as hauberk-runtime, is an OCI\n"
			    "runtime that hands its arguments to the real one, by default runc.\n";

static struct settings settings;
static struct state state;
static char state_text[STATE_MAX + 1];

/* Returns what is wrong, or NULL. */
static const char *receive_state(size_t *length, int64_t deadline)
{
	for (*length = 0; *length < sizeof(state_text);) {
		struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
		int64_t left = deadline - milliseconds_now();
		ssize_t got;

		if (left <= 0 || !poll(&input, 1, (int)left))
			return "the runtime does not hand over the container's state";
		got = read(STDIN_FILENO, state_text + *length, sizeof(state_text) - *length);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return "the container's state cannot be read";
		if (got == 0)
			return NULL;
		if (got > 0)
			*length += (size_t)got;
	}
	return "the container's state is too large";
}

static int run_as_hook(enum runtime runtime, const char *config)
{
	char reason[LINE_SIZE];
	const char *problem;
	int64_t deadline;
	size_t length;

	read_settings(config, &settings);
	deadline = milliseconds_now() + settings.timeout_seconds * 1000;
	problem = receive_state(&length, deadline);
	if (!problem)
		problem = read_state(state_text, length, runtime, &state);
	if (may_start(&settings, runtime, &state, problem, deadline, reason))
		return 0;
	fprintf(stderr, "Hauberk refuses to start the container: %s\n", reason);
	return 1;
}

static int show_usage(void)
{
	fputs(USAGE, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	enum runtime runtime = RUNTIME_UNKNOWN;
	const char *name = argc ? argv[0] : "", *config = NULL;

	if (strrchr(name, '/'))
		name = strrchr(name, '/') + 1;
	if (!strcmp(name, "hauberk-runtime"))
		return run_as_runtime(argv);
	if (argc > 1 && !strcmp(argv[1], "runtime"))
		return run_as_runtime(argv + 1);
	for (int index = 1; index + 1 < argc; index += 2) {
		if (!strcmp(argv[index], "--runtime"))
			runtime = runtime_by_name(argv[index + 1]);
		else if (!strcmp(argv[index], "--config"))
			config = argv[index + 1];
		else
			return show_usage();
	}
	return runtime == RUNTIME_UNKNOWN || argc % 2 == 0 ? show_usage() : run_as_hook(runtime, config);
}
