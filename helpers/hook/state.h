/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_STATE_H
#define HAUBERK_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* hauberkd reads at most so much; what is around the state in a request fits into the difference. */
#define REQUEST_MAX (256 * 1024)
#define STATE_MAX (REQUEST_MAX - 256)

enum runtime { RUNTIME_DOCKER, RUNTIME_CONTAINERD, RUNTIME_CRIO, RUNTIME_PODMAN, RUNTIME_UNKNOWN };

extern const char *const RUNTIME_NAMES[];

enum runtime runtime_by_name(const char *name);

/* A container's state as the runtime hands it to a hook. */
struct state {
	const char *json;
	size_t length;
	int pid;
	char id[256];
	char bundle[PATH_MAX];
	/*
	 * What CRI says of the container; empty for runtimes other than containerd and CRI-O, whose users may write any
	 * annotation.
	 */
	bool is_sandbox;
	char namespace[256];
	char name[256];
	char image[1024];
};

/* Returns what is wrong with the text, or NULL. It must stay in place as long as the state is used. */
const char *read_state(const char *json, size_t length, enum runtime runtime, struct state *state);

#endif
