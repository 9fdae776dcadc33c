/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_DECISION_H
#define HAUBERK_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"
#include "state.h"

/*
 * Whether the container may start. Problem says why there is no state to ask about, else it is NULL. If the container
 * may not start, reason (of LINE_SIZE bytes) says why; if it may without protection, that has been reported.
 */
bool may_start(const struct settings *settings, enum runtime runtime, const struct state *state, const char *problem,
	       int64_t deadline, char *reason);

#endif
