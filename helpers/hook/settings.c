// SPDX-License-Identifier: Apache-2.0
// The hook's own configuration: it has to know what to do when hauberkd does not answer.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"

#define FILE_MAX (64 * 1024)
#define TIMEOUT_SECONDS_MAX 300

/* Where in the file something is wrong. */
struct place {
	const char *path;
	unsigned int line;
	/* The settings that have been seen and may not stand twice. */
	unsigned int seen;
};

static char contents[FILE_MAX + 1];

static void problem(struct settings *settings, const struct place *place, const char *line, const char *what)
{
	struct text text = text_in(settings->problem, sizeof(settings->problem));

	text_add(&text, "%s:", place->path);
	if (place->line)
		text_add(&text, "%u: \"%s\":", place->line, line);
	text_add(&text, " %s", what);
	make_printable(settings->problem);
}

static bool read_path(const char *value, char *into, size_t size)
{
	return *value == '/' && copy_string(into, size, value);
}

static bool read_timeout(const char *value, unsigned int *into)
{
	unsigned int seconds = 0;

	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return false;
		seconds = seconds * 10 + (unsigned int)(*value - '0');
		if (seconds > TIMEOUT_SECONDS_MAX)
			return false;
	}
	*into = seconds;
	return seconds > 0;
}

static bool read_choice(const char *value, bool *into)
{
	*into = !strcmp(value, "allow");
	return *into || !strcmp(value, "refuse");
}

static bool add_exemption(struct settings *settings, enum exempt_by by, const char *pattern)
{
	const char *star = strchr(pattern, '*');

	if ((star && star[1]) || settings->exemption_count == EXEMPTIONS_MAX)
		return false;
	settings->exemptions[settings->exemption_count++] = (struct exemption){ .by = by, .pattern = pattern };
	return true;
}

/* Returns what is wrong with the value of a setting that may stand once, or NULL. */
static const char *read_single(struct settings *settings, struct place *place, const char *key, const char *value)
{
	static const char *const KEYS[] = { "socket", "state_directory", "timeout_seconds", "when_unanswered" };
	const char *otherwise;
	unsigned int which = 0;
	bool good;

	while (which < 4 && strcmp(key, KEYS[which]))
		which++;
	if (which < 4 && place->seen & 1U << which)
		return "it is set for the second time";
	place->seen |= 1U << which;
	switch (which) {
	case 0:
		good = read_path(value, settings->socket, sizeof(settings->socket));
		otherwise = "not an absolute path of at most 107 bytes";
		break;
	case 1:
		good = read_path(value, settings->state_directory, sizeof(settings->state_directory));
		otherwise = "not an absolute path";
		break;
	case 2:
		good = read_timeout(value, &settings->timeout_seconds);
		otherwise = "not a whole number from 1 to 300";
		break;
	case 3:
		good = read_choice(value, &settings->allow_when_unanswered);
		otherwise = "neither refuse nor allow";
		break;
	default:
		return "there is no such setting";
	}
	return good ? NULL : otherwise;
}

/* Returns what is wrong with the setting, or NULL. */
static const char *read_setting(struct settings *settings, struct place *place, const char *key, const char *value)
{
	static const char *const KEYS[] = {
		[BY_NAMESPACE] = "exempt_namespace",
		[BY_NAME] = "exempt_name",
		[BY_IMAGE] = "exempt_image",
	};

	if (!*value)
		return "the value is missing";
	for (int by = BY_NAMESPACE; by <= BY_IMAGE; by++) {
		if (strcmp(key, KEYS[by]))
			continue;
		if (add_exemption(settings, (enum exempt_by)by, value))
			return NULL;
		return "* may stand at the end only, and there are at most 256 exceptions";
	}
	return read_single(settings, place, key, value);
}

static char *trimmed(char *from, char *end)
{
	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = 0;
	return from;
}

/* Returns what is wrong with the line, or NULL. */
static const char *read_line(struct settings *settings, struct place *place, char *line)
{
	char *equals = strchr(line, '='), *value;

	if (!*line || *line == '#')
		return NULL;
	if (!equals)
		return "not of the form setting = value";
	value = trimmed(equals + 1, equals + strlen(equals));
	return read_setting(settings, place, trimmed(line, equals), value);
}

void read_settings(const char *path, struct settings *settings)
{
	struct place place = { .path = path ? path : DEFAULT_SETTINGS_FILE };
	const char *wrong;
	int64_t length;
	char *line, *end, shown[200];

	memset(settings, 0, sizeof(*settings));
	strcpy(settings->socket, "/run/hauberk/hook.sock");
	strcpy(settings->state_directory, "/var/lib/hauberk");
	settings->timeout_seconds = 10;

	length = read_file(place.path, contents, sizeof(contents));
	if (length < 0) {
		if (path || errno != ENOENT)
			problem(settings, &place, "", strerror(errno));
		return;
	}
	for (line = contents; line < contents + length; line = end + 1) {
		place.line++;
		end = memchr(line, '\n', (size_t)(contents + length - line));
		if (!end)
			end = contents + length;
		wrong = memchr(line, 0, (size_t)(end - line)) ? "a null character" : NULL;
		line = trimmed(line, end);
		snprintf(shown, sizeof(shown), "%s", line);
		if (!wrong)
			wrong = read_line(settings, &place, line);
		if (wrong && !*settings->problem)
			problem(settings, &place, shown, wrong);
	}
}

static bool matches(const char *pattern, const char *value)
{
	size_t length = strlen(pattern);

	if (!*value)
		return false;
	if (pattern[length - 1] == '*')
		return !strncmp(pattern, value, length - 1);
	return !strcmp(pattern, value);
}

bool is_exempt(const struct settings *settings, const struct state *state)
{
	const char *const values[] = {
		[BY_NAMESPACE] = state->namespace,
		[BY_NAME] = state->name,
		[BY_IMAGE] = state->image,
	};

	for (size_t index = 0; index < settings->exemption_count; index++) {
		const struct exemption *exemption = &settings->exemptions[index];

		if (matches(exemption->pattern, values[exemption->by]))
			return true;
	}
	return false;
}
