// SPDX-License-Identifier: Apache-2.0
// Says what has happened. Nothing here fails: a container's start does not depend on it.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

#define RECORDS_MAX (1024 * 1024)

/* syslog(3) would block on a log service that does not read. */
static void send_to_log(const char *line, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (log < 0)
		return;
	sendto(log, line, length, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof(address));
	close(log);
}

void log_start(int priority, const struct state *state, const char *outcome, const char *reason)
{
	char line[2 * LINE_SIZE], formatted[32];
	struct text text = text_in(line, sizeof(line));
	time_t now = time(NULL);
	struct tm parts;

	localtime_r(&now, &parts);
	strftime(formatted, sizeof(formatted), "%b %e %H:%M:%S", &parts);
	text_add(&text, "<%d>%s hauberk-hook[%d]: container %s %s: %s", LOG_DAEMON | priority, formatted, (int)getpid(),
		 *state->id ? state->id : "of unknown id", outcome, reason);
	make_printable(line);
	send_to_log(line, text.length);
}

static void append(const char *path, mode_t mode, off_t size_max, const struct text *line)
{
	int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);
	struct stat status;

	if (file < 0)
		return;
	if (!fstat(file, &status) && (!size_max || status.st_size + (off_t)line->length <= size_max))
		(void)!write(file, line->data, line->length);
	close(file);
}

void record_start(const struct settings *settings, enum runtime runtime, const struct state *state, const char *cause,
		  const char *reason)
{
	char path[PATH_MAX + 64], line[16 * LINE_SIZE];
	struct text text = text_in(line, sizeof(line));

	text_add(&text, "{\"time\":\"");
	text_add_time(&text);
	text_add(&text, "\",\"runtime\":\"%s\",\"cause\":\"%s\"", RUNTIME_NAMES[runtime], cause);
	text_add_member(&text, "reason", reason);
	text_add_member(&text, "id", state->id);
	if (state->pid)
		text_add(&text, ",\"pid\":%d", state->pid);
	text_add_member(&text, "namespace", state->namespace);
	text_add_member(&text, "name", state->name);
	text_add_member(&text, "image", state->image);
	text_add(&text, "}\n");
	if (text.full)
		return;
	snprintf(path, sizeof(path), "%s/starts-without-protection.jsonl", settings->state_directory);
	append(path, 0600, RECORDS_MAX, &text);
}

void write_runtime_error(const char *log, bool as_json, const char *message)
{
	char line[8 * LINE_SIZE];
	struct text text = text_in(line, sizeof(line));

	text_add(&text, as_json ? "{\"level\":\"error\",\"msg\":" : "time=\"");
	if (!as_json) {
		text_add_time(&text);
		text_add(&text, "\" level=error msg=");
	}
	text_add_json(&text, message);
	if (as_json) {
		text_add(&text, ",\"time\":\"");
		text_add_time(&text);
		text_add(&text, "\"}");
	}
	text_add(&text, "\n");
	if (log)
		append(log, 0644, 0, &text);
	(void)!write(STDERR_FILENO, message, strlen(message));
	(void)!write(STDERR_FILENO, "\n", 1);
}
