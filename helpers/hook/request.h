/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_REQUEST_H
#define HAUBERK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"
#include "state.h"

enum answer {
	/* The container's policy is in the kernel. */
	ANSWER_PROTECTED,
	/* Not a workload: a pod's pause container. */
	ANSWER_IGNORED,
	ANSWER_UNPROTECTED,
	/* None, none in time, or none that can be understood. */
	ANSWER_NONE,
};

/* Milliseconds of a clock that nobody sets. */
int64_t milliseconds_now(void);

/*
 * Tells hauberkd of the container and waits for its answer until the deadline; if patient, also for a daemon that is just
 * being restarted. Reason must have LINE_SIZE bytes.
 */
enum answer request_protection(const struct settings *settings, enum runtime runtime, const struct state *state, bool allow,
		bool patient, int64_t deadline, char *reason);

#endif
