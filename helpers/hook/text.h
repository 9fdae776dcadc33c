/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_TEXT_H
#define HAUBERK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a reason or another line for people. */
#define LINE_SIZE 1024

/* Text of bounded size. What does not fit is left out, and `full` says so; it always ends with a null byte. */
struct text {
	char *data;
	size_t size;
	size_t length;
	bool full;
};

struct text text_in(char *data, size_t size);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

/* Adds a string as JSON, with its quotes. */
void text_add_json(struct text *text, const char *string);

/* Adds "key":"value" with a comma in front, for an optional member. Nothing if the value is empty. */
void text_add_member(struct text *text, const char *key, const char *value);

/* The present time by RFC 3339, in UTC. */
void text_add_time(struct text *text);

/* Replaces what could disturb a log or a terminal. */
void make_printable(char *string);

bool copy_string(char *into, size_t size, const char *from);

/* Reads at most size - 1 bytes and ends them with a null byte. -1 with errno, EFBIG if there is more. */
int64_t read_file(const char *path, char *into, size_t size);

#endif
