// SPDX-License-Identifier: Apache-2.0
// runc's command line, as far as it has to be understood: which options have a value, and what the command is.
#include <string.h>

#include "arguments.h"

/* Of runc 1.0 to 1.4; --cgroup-manager and --log-level are crun's. */
static const char *const GLOBAL_WITH_VALUE[] = { "log", "log-format", "root", "criu", "rootless", "cgroup-manager",
						 "log-level", NULL };
static const char *const GLOBAL_FLAGS[] = { "debug", "systemd-cgroup", "help", "h", "version", "v", NULL };
static const char *const CREATE_WITH_VALUE[] = { "bundle", "b", "console-socket", "pid-file", "preserve-fds", NULL };

struct option {
	/* Without the one or two dashes in front, which mean the same, and without the value. */
	const char *name;
	size_t length;
	/* What stands behind = in the same argument, or NULL. */
	const char *value;
};

static struct option read_option(const char *argument)
{
	const char *name = argument + (argument[1] == '-' ? 2 : 1);
	size_t length = strcspn(name, "=");

	return (struct option){ .name = name, .length = length, .value = name[length] ? name + length + 1 : NULL };
}

static bool is(const struct option *option, const char *name)
{
	return strlen(name) == option->length && !memcmp(name, option->name, option->length);
}

static bool is_one_of(const struct option *option, const char *const *names)
{
	while (*names && !is(option, *names))
		names++;
	return *names;
}

static bool is_option(const char *argument)
{
	return argument[0] == '-' && argument[1];
}

/* Remembers an option's value. */
static void keep(struct arguments *arguments, const struct option *option)
{
	if (is(option, "hauberk-real-runtime"))
		arguments->real_runtime = option->value;
	else if (is(option, "hauberk-config"))
		arguments->config = option->value;
	else if (is(option, "log"))
		arguments->log = option->value;
	else if (is(option, "log-format"))
		arguments->log_format = option->value;
}

static const char *read_create(char **argv, struct arguments *arguments)
{
	bool only_operands = false;

	for (; *argv; argv++) {
		struct option option;

		if (!only_operands && !strcmp(*argv, "--")) {
			only_operands = true;
			continue;
		}
		if (only_operands || !is_option(*argv)) {
			if (arguments->id)
				return "create has more than one container id; an option that Hauberk does not know "
				       "is to be given as --option=value";
			arguments->id = *argv;
			continue;
		}
		option = read_option(*argv);
		if (!option.value && is_one_of(&option, CREATE_WITH_VALUE)) {
			option.value = argv[1];
			if (!option.value)
				return "the last option of create lacks its value";
			argv++;
		}
		if (is(&option, "bundle") || is(&option, "b"))
			arguments->bundle = option.value;
		else if (is(&option, "pid-file"))
			arguments->pid_file = option.value;
		else if (is(&option, "help") || is(&option, "h"))
			arguments->wants_help = true;
	}
	return arguments->id || arguments->wants_help ? NULL : "create lacks a container id";
}

const char *read_arguments(char **argv, struct arguments *arguments)
{
	bool doubt = false;
	char **command;

	*arguments = (struct arguments){ .real_runtime = "runc", .real = argv, .count = 1 };
	for (argv++; *argv && is_option(*argv) && strcmp(*argv, "--"); argv++) {
		struct option option = read_option(*argv);
		bool is_ours = is(&option, "hauberk-real-runtime") || is(&option, "hauberk-config");
		char *argument = *argv;

		if (!is_ours)
			arguments->real[arguments->count++] = argument;
		if (!option.value && (is_ours || is_one_of(&option, GLOBAL_WITH_VALUE))) {
			option.value = argv[1];
			if (!option.value)
				return "the last option lacks its value";
			argv++;
			if (!is_ours)
				arguments->real[arguments->count++] = *argv;
		} else if (!option.value && !is_one_of(&option, GLOBAL_FLAGS)) {
			doubt = true;
		}
		keep(arguments, &option);
	}
	arguments->global_count = arguments->count;
	command = *argv && !strcmp(*argv, "--") ? argv + 1 : argv;
	arguments->is_create = *command && !strcmp(*command, "create");
	/* What has been taken for the command could be the value of an unknown option: no create may slip through. */
	for (char **rest = command; doubt && !arguments->is_create && *rest; rest++)
		if (!strcmp(*rest, "create"))
			return "an option that Hauberk does not know is to be given as --option=value";
	while (*argv)
		arguments->real[arguments->count++] = *argv++;
	arguments->real[arguments->count] = NULL;
	if (!arguments->is_create)
		return NULL;
	/* Ours that were left out have moved the rest. */
	command = arguments->real + arguments->global_count;
	return read_create(command + (strcmp(*command, "--") ? 1 : 2), arguments);
}
