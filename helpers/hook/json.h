/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_JSON_H
#define HAUBERK_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* Where reading has come to in a JSON text. Each function moves it behind what it has read, false is no JSON. */
struct json {
	const char *at;
	const char *end;
	unsigned int depth;
};

/* Called in front of each member's value, which it has to read. */
typedef bool (*json_member)(struct json *json, const char *key, void *context);

/* A key longer than this is given to the callback as an empty one. */
#define JSON_KEY_SIZE 128

bool json_skip(struct json *json);
bool json_object(struct json *json, json_member member, void *context);

/*
 * Reads a string. Into must hold a C string: one that is too long for it, or has a null character or half a surrogate
 * pair, is read but leaves it empty.
 */
bool json_string(struct json *json, char *into, size_t size);

/* A whole number that is at least 1 and an int. */
bool json_positive(struct json *json, int *into);

/* Only white space is left. */
bool json_ends(struct json *json);

#endif
