/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_SETTINGS_H
#define HAUBERK_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "state.h"
#include "text.h"

#define DEFAULT_SETTINGS_FILE "/etc/hauberk/hook.conf"
#define EXEMPTIONS_MAX 256

/* A container that starts although hauberkd has not protected it. */
struct exemption {
	enum exempt_by { BY_NAMESPACE, BY_NAME, BY_IMAGE } by;
	/* Exact, or a beginning with * behind it. */
	const char *pattern;
};

struct settings {
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char state_directory[PATH_MAX];
	unsigned int timeout_seconds;
	bool allow_when_unanswered;
	struct exemption exemptions[EXEMPTIONS_MAX];
	size_t exemption_count;
	/* What is wrong with the file first, with its place; empty if nothing is. The rest is read all the same. */
	char problem[LINE_SIZE];
};

/* Path may be NULL: the default file, which need not be there. */
void read_settings(const char *path, struct settings *settings);

bool is_exempt(const struct settings *settings, const struct state *state);

#endif
