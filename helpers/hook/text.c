// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

struct text text_in(char *data, size_t size)
{
	data[0] = 0;
	return (struct text){ .data = data, .size = size };
}

void text_add_bytes(struct text *text, const char *bytes, size_t length)
{
	size_t room = text->size - text->length - 1;

	if (length > room) {
		length = room;
		text->full = true;
	}
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->data + text->length, room, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length >= room) {
		text->full = true;
		length = (int)room - 1;
	}
	text->length += (size_t)length;
}

void text_add_json(struct text *text, const char *string)
{
	text_add_bytes(text, "\"", 1);
	for (; *string; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte == '"' || byte == '\\')
			text_add(text, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7f)
			text_add(text, "\\u%04x", byte);
		else
			text_add_bytes(text, string, 1);
	}
	text_add_bytes(text, "\"", 1);
}

void text_add_member(struct text *text, const char *key, const char *value)
{
	if (!*value)
		return;
	text_add(text, ",\"%s\":", key);
	text_add_json(text, value);
}

void text_add_time(struct text *text)
{
	char formatted[32];
	struct tm parts;
	time_t now = time(NULL);

	gmtime_r(&now, &parts);
	strftime(formatted, sizeof(formatted), "%Y-%m-%dT%H:%M:%SZ", &parts);
	text_add(text, "%s", formatted);
}

void make_printable(char *string)
{
	for (; *string; string++)
		if ((unsigned char)*string < 0x20 || *string == 0x7f)
			*string = ' ';
}

bool copy_string(char *into, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length >= size)
		return false;
	memcpy(into, from, length + 1);
	return true;
}

int64_t read_file(const char *path, char *into, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (file < 0)
		return -1;
	while ((got = read(file, into + length, size - length)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0)
			length += (size_t)got;
		if (got < 0 || length == size) {
			int cause = got < 0 ? errno : EFBIG;

			close(file);
			errno = cause;
			return -1;
		}
	}
	close(file);
	into[length] = 0;
	return (int64_t)length;
}
