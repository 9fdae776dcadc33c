/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_LOG_H
#define HAUBERK_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include "settings.h"
#include "state.h"

/* One line in the system's log. */
void log_start(int priority, const struct state *state, const char *outcome, const char *reason);

/* One line in the state directory's starts-without-protection.jsonl, for hauberkd. */
void record_start(const struct settings *settings, enum runtime runtime, const struct state *state, const char *cause,
		  const char *reason);

/* What the caller of an OCI runtime reads: its log file, if it named one, and standard error. */
void write_runtime_error(const char *log, bool as_json, const char *message);

#endif
