// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "request.h"
#include "decision.h"
#include "log.h"

static bool is_missing(const char *directory)
{
	struct stat status;

	return stat(directory, &status) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/*
 * Whether an unprivileged user runs this runtime, in a user namespace of that user. Such a container has no more rights
 * than that user, who cannot reach hauberkd and could run the same without any hook.
 */
static bool is_rootless(void)
{
	unsigned int inside, outside, count;
	FILE *map = fopen("/proc/self/uid_map", "re");
	bool rootless;

	if (!map)
		return false;
	rootless = fscanf(map, "%u %u %u", &inside, &outside, &count) == 3 &&
		   (inside || outside || count != UINT32_MAX);
	fclose(map);
	return rootless;
}

/* An answer other than yes: whether the container may start all the same, and why it is not protected. */
static bool allows_unprotected(const struct settings *settings, enum runtime runtime, const struct state *state,
			       const char *problem, int64_t deadline, enum answer *answer, char *reason)
{
	/* hauberkd ignores a pod's pause container, which its other containers need. */
	bool exempt = !problem && (state->is_sandbox || is_exempt(settings, state));
	bool allow = settings->allow_when_unanswered || exempt;
	bool patient = !exempt && !is_missing(settings->state_directory);

	*answer = ANSWER_NONE;
	if (*settings->problem) {
		snprintf(reason, LINE_SIZE, "%s", settings->problem);
		return false;
	}
	if (problem)
		snprintf(reason, LINE_SIZE, "%s", problem);
	else
		*answer = request_protection(settings, runtime, state, allow, patient, deadline, reason);
	return allow;
}

bool may_start(const struct settings *settings, enum runtime runtime, const struct state *state, const char *problem,
	       int64_t deadline, char *reason)
{
	enum answer answer;
	bool allow;

	if (is_rootless()) {
		log_start(LOG_INFO, state, "starts without protection", "it is started by an unprivileged user");
		return true;
	}
	allow = allows_unprotected(settings, runtime, state, problem, deadline, &answer, reason);

	if (answer == ANSWER_PROTECTED || answer == ANSWER_IGNORED)
		return true;
	if (is_missing(settings->state_directory)) {
		/* Starts must not fail forever because somebody has removed Hauberk and left the hook behind. */
		log_start(LOG_WARNING, state, "starts without protection, as Hauberk has been removed", reason);
		return true;
	}
	if (!allow) {
		log_start(LOG_ERR, state, "is refused", reason);
		return false;
	}
	if (!state->is_sandbox) {
		log_start(LOG_WARNING, state, "starts without protection", reason);
		record_start(settings, runtime, state, answer == ANSWER_NONE ? "unanswered" : "unprotected", reason);
	}
	return true;
}
