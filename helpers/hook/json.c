// SPDX-License-Identifier: Apache-2.0
// A strict reader of JSON (RFC 8259) for the few values that are needed, without memory of its own.
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "json.h"

/* Bounds the recursion; a state has a depth of 2. */
#define DEPTH_MAX 32

static bool is_space(char character)
{
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static void skip_space(struct json *json)
{
	while (json->at < json->end && is_space(*json->at))
		json->at++;
}

/* The next character that is not white space; 0 at the end. */
static char peek(struct json *json)
{
	skip_space(json);
	return json->at < json->end ? *json->at : 0;
}

static bool take(struct json *json, char wanted)
{
	if (peek(json) != wanted)
		return false;
	json->at++;
	return true;
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

static bool digits(struct json *json)
{
	const char *from = json->at;

	while (json->at < json->end && is_digit(*json->at))
		json->at++;
	return json->at > from;
}

static bool number(struct json *json)
{
	if (json->at < json->end && *json->at == '-')
		json->at++;
	if (json->at < json->end && *json->at == '0')
		json->at++;
	else if (!digits(json))
		return false;
	if (json->at < json->end && *json->at == '.') {
		json->at++;
		if (!digits(json))
			return false;
	}
	if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
		json->at++;
		if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
			json->at++;
		if (!digits(json))
			return false;
	}
	return true;
}

static bool word(struct json *json, const char *wanted)
{
	size_t length = strlen(wanted);

	if ((size_t)(json->end - json->at) < length || memcmp(json->at, wanted, length))
		return false;
	json->at += length;
	return true;
}

/* Four hexadecimal digits. */
static bool unit(struct json *json, uint32_t *value)
{
	*value = 0;
	if (json->end - json->at < 4)
		return false;
	for (int place = 0; place < 4; place++) {
		char digit = *json->at++;

		if (is_digit(digit))
			*value = *value << 4 | (uint32_t)(digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			*value = *value << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* The character that an escape stands for, json being behind its backslash; 0 for one that no C string holds. */
static bool escape(struct json *json, uint32_t *character)
{
	static const char NAMES[] = "\"\\/bfnrt", VALUES[] = "\"\\/\b\f\n\r\t";
	const char *name;
	uint32_t low;

	if (json->at == json->end || !*json->at)
		return false;
	name = strchr(NAMES, *json->at);
	if (name) {
		json->at++;
		*character = (uint32_t)VALUES[name - NAMES];
		return true;
	}
	if (*json->at++ != 'u' || !unit(json, character))
		return false;
	if (*character < 0xd800 || *character > 0xdfff)
		return true;
	if (*character < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u') {
		struct json second = { .at = json->at + 2, .end = json->end };

		if (!unit(&second, &low))
			return false;
		if (low >= 0xdc00 && low <= 0xdfff) {
			json->at = second.at;
			*character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
			return true;
		}
	}
	*character = 0;
	return true;
}

static size_t encode(uint32_t character, char bytes[4])
{
	if (character < 0x80) {
		bytes[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		bytes[0] = (char)(0xc0 | character >> 6);
		bytes[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		bytes[0] = (char)(0xe0 | character >> 12);
		bytes[1] = (char)(0x80 | (character >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	bytes[0] = (char)(0xf0 | character >> 18);
	bytes[1] = (char)(0x80 | (character >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (character >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

bool json_string(struct json *json, char *into, size_t size)
{
	size_t length = 0;
	bool fits = true;

	if (!take(json, '"'))
		return false;
	while (json->at < json->end && *json->at != '"') {
		char bytes[4] = { *json->at };
		size_t count = 1;

		if ((unsigned char)*json->at < 0x20)
			return false;
		if (*json->at++ == '\\') {
			uint32_t character;

			if (!escape(json, &character))
				return false;
			fits &= character != 0;
			count = encode(character, bytes);
		}
		fits &= length + count < size;
		if (fits)
			memcpy(into + length, bytes, count);
		length += count;
	}
	if (size)
		into[fits ? length : 0] = 0;
	return take(json, '"');
}

bool json_object(struct json *json, json_member member, void *context)
{
	char key[JSON_KEY_SIZE];

	if (!take(json, '{') || json->depth == DEPTH_MAX)
		return false;
	if (take(json, '}'))
		return true;
	json->depth++;
	do {
		if (!json_string(json, key, sizeof(key)) || !take(json, ':') || !member(json, key, context))
			return false;
	} while (take(json, ','));
	json->depth--;
	return take(json, '}');
}

static bool skip_member(struct json *json, const char *key, void *context)
{
	(void)key;
	(void)context;
	return json_skip(json);
}

static bool skip_array(struct json *json)
{
	if (!take(json, '[') || json->depth == DEPTH_MAX)
		return false;
	if (take(json, ']'))
		return true;
	json->depth++;
	do {
		if (!json_skip(json))
			return false;
	} while (take(json, ','));
	json->depth--;
	return take(json, ']');
}

bool json_skip(struct json *json)
{
	switch (peek(json)) {
	case '{':
		return json_object(json, skip_member, NULL);
	case '[':
		return skip_array(json);
	case '"':
		return json_string(json, NULL, 0);
	case 't':
		return word(json, "true");
	case 'f':
		return word(json, "false");
	case 'n':
		return word(json, "null");
	default:
		return number(json);
	}
}

bool json_positive(struct json *json, int *into)
{
	const char *from;
	int64_t value = 0;

	skip_space(json);
	from = json->at;
	if (!number(json))
		return false;
	for (; from < json->at; from++) {
		if (!is_digit(*from))
			return false;
		value = value * 10 + (*from - '0');
		if (value > INT_MAX)
			return false;
	}
	*into = (int)value;
	return value > 0;
}

bool json_ends(struct json *json)
{
	skip_space(json);
	return json->at == json->end;
}
