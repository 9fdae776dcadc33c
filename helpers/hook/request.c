// SPDX-License-Identifier: Apache-2.0
// The request to hauberkd: it sends one JSON object and receives one line of text.
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "request.h"

static char request[REQUEST_MAX + 1];

int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Makes the next call on the socket end at the deadline. False once it has passed: a time of zero would be no bound. */
static bool set_timeout(int connection, int option, int64_t deadline)
{
	int64_t left = deadline - milliseconds_now();
	struct timeval timeout = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (left <= 0) {
		errno = EAGAIN;
		return false;
	}
	return !setsockopt(connection, SOL_SOCKET, option, &timeout, sizeof(timeout));
}

/* If nobody listens, hauberkd may just be restarting, for example after an upgrade: how long to wait for it. */
#define RESTART_MILLISECONDS 3000
#define RETRY_MILLISECONDS 50

static bool connect_to(int connection, const struct settings *settings, bool patient, int64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec pause = { .tv_nsec = RETRY_MILLISECONDS * 1000000L };
	int64_t give_up = milliseconds_now() + (patient ? RESTART_MILLISECONDS : 0);

	strcpy(address.sun_path, settings->socket);
	for (;;) {
		int error;

		if (!set_timeout(connection, SO_SNDTIMEO, deadline))
			return false;
		if (!connect(connection, (struct sockaddr *)&address, sizeof(address)))
			return true;
		error = errno;
		if ((error != ECONNREFUSED && error != ENOENT) || milliseconds_now() >= give_up)
			return false;
		nanosleep(&pause, NULL);
		if (milliseconds_now() < deadline)
			continue;
		/* Reports the actual cause rather than the timeout. */
		errno = error;
		return false;
	}
}

static bool send_all(int connection, const char *bytes, size_t length, int64_t deadline)
{
	while (length) {
		ssize_t sent;

		if (!set_timeout(connection, SO_SNDTIMEO, deadline))
			return false;
		sent = send(connection, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
		}
	}
	return !shutdown(connection, SHUT_WR);
}

/* One line, without its end. False with errno 0 if the connection ends without one. */
static bool receive_line(int connection, char *line, size_t size, int64_t deadline)
{
	size_t length = 0;

	while (length < size - 1 && !memchr(line, '\n', length)) {
		ssize_t got;

		if (!set_timeout(connection, SO_RCVTIMEO, deadline))
			return false;
		got = recv(connection, line + length, size - 1 - length, 0);
		if (got < 0 && errno != EINTR)
			return false;
		if (got == 0)
			break;
		if (got > 0)
			length += (size_t)got;
	}
	line[length] = 0;
	line[strcspn(line, "\n")] = 0;
	errno = 0;
	return *line;
}

/* The rest of the line if it begins with the word. */
static const char *after_keyword(const char *line, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(line, word, length) || (line[length] && line[length] != ' '))
		return NULL;
	return line[length] ? line + length + 1 : "no reason given";
}

static enum answer parse_answer(const char *line, struct text *reason)
{
	const char *rest;

	if (!strcmp(line, "protected"))
		return ANSWER_PROTECTED;
	if (after_keyword(line, "ignored"))
		return ANSWER_IGNORED;
	rest = after_keyword(line, "unprotected");
	if (rest) {
		text_add(reason, "hauberkd cannot protect it: %s", rest);
		return ANSWER_UNPROTECTED;
	}
	text_add(reason, "unexpected answer from hauberkd: %.100s", line);
	return ANSWER_NONE;
}

static size_t write_request(enum runtime runtime, const struct state *state, bool allow, int64_t deadline)
{
	struct text text = text_in(request, sizeof(request));

	text_add(&text, "{\"version\":1,\"runtime\":\"%s\",\"on_failure\":\"%s\",\"deadline_ms\":%" PRId64 ",\"state\":",
		 RUNTIME_NAMES[runtime], allow ? "allow" : "refuse", deadline);
	text_add_bytes(&text, state->json, state->length);
	text_add(&text, "}");
	return text.length;
}

enum answer request_protection(const struct settings *settings, enum runtime runtime, const struct state *state, bool allow,
		bool patient, int64_t deadline, char *reason_line)
{
	struct text reason = text_in(reason_line, LINE_SIZE);
	int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum answer answer = ANSWER_NONE;
	char line[LINE_SIZE - 128];

	/* An answer may come, and the connection end, before hauberkd has read everything. */
	if (connection < 0 || !connect_to(connection, settings, patient, deadline) ||
	    (!send_all(connection, request, write_request(runtime, state, allow, deadline), deadline) && errno != EPIPE) ||
	    !receive_line(connection, line, sizeof(line), deadline)) {
		text_add(&reason, "hauberkd does not answer at %s: ", settings->socket);
		if (errno == EAGAIN)
			text_add(&reason, "nothing for %u s", settings->timeout_seconds);
		else
			text_add(&reason, "%s", errno ? strerror(errno) : "it closed the connection without an answer");
	} else {
		answer = parse_answer(line, &reason);
	}
	if (connection >= 0)
		close(connection);
	make_printable(reason_line);
	return answer;
}
