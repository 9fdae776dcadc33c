/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_ARGUMENTS_H
#define HAUBERK_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* A call of an OCI runtime, as runc's command line says it. */
struct arguments {
	/* Ours, which the real runtime does not get. */
	const char *real_runtime;
	const char *config;
	/* The real runtime's own, the first of them to be set to its path; NULL is behind the last. */
	char **real;
	size_t count;
	/* The real runtime's path and the options that stand before the command. */
	size_t global_count;
	const char *log;
	const char *log_format;
	bool is_create;
	/* The rest is read of create only. */
	bool wants_help;
	const char *bundle;
	const char *pid_file;
	const char *id;
};

/*
 * Reads argv without its first, changing the array: arguments keep its strings. Returns what cannot be understood, or
 * NULL.
 */
const char *read_arguments(char **argv, struct arguments *arguments);

#endif
