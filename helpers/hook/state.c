// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "json.h"
#include "state.h"

const char *const RUNTIME_NAMES[] = { "docker", "containerd", "crio", "podman" };

/*
 * The annotations by which a CRI runtime describes a container. With CRI-O a pod's own annotations come into the state
 * too, and only some keys are sure to be written over: not io.kubernetes.cri-o.Namespace, but the kubelet's labels.
 */
struct annotation_keys {
	const char *type;
	const char *namespace;
	const char *name;
	const char *image;
};

static const struct annotation_keys ANNOTATION_KEYS[] = {
	[RUNTIME_CONTAINERD] = {
		.type = "io.kubernetes.cri.container-type",
		.namespace = "io.kubernetes.cri.sandbox-namespace",
		.name = "io.kubernetes.cri.container-name",
		.image = "io.kubernetes.cri.image-name",
	},
	[RUNTIME_CRIO] = {
		.type = "io.kubernetes.cri-o.ContainerType",
		.namespace = "io.kubernetes.pod.namespace",
		.name = "io.kubernetes.container.name",
		.image = "io.kubernetes.cri-o.ImageName",
	},
};

struct reading {
	struct state *state;
	const struct annotation_keys *keys;
	bool has_annotations;
	char type[16];
};

enum runtime runtime_by_name(const char *name)
{
	int runtime = 0;

	while (runtime < RUNTIME_UNKNOWN && strcmp(name, RUNTIME_NAMES[runtime]))
		runtime++;
	return (enum runtime)runtime;
}

/* A key that stands twice could mean one thing here and another to hauberkd. */
static bool string_once(struct json *json, char *into, size_t size)
{
	return !*into && json_string(json, into, size);
}

static bool read_annotation(struct json *json, const char *key, void *context)
{
	struct reading *reading = context;
	struct state *state = reading->state;

	if (!strcmp(key, reading->keys->type))
		return string_once(json, reading->type, sizeof(reading->type));
	if (!strcmp(key, reading->keys->namespace))
		return string_once(json, state->namespace, sizeof(state->namespace));
	if (!strcmp(key, reading->keys->name))
		return string_once(json, state->name, sizeof(state->name));
	if (!strcmp(key, reading->keys->image))
		return string_once(json, state->image, sizeof(state->image));
	return json_skip(json);
}

static bool read_member(struct json *json, const char *key, void *context)
{
	struct reading *reading = context;
	struct state *state = reading->state;

	if (!strcmp(key, "id"))
		return string_once(json, state->id, sizeof(state->id));
	if (!strcmp(key, "bundle"))
		return string_once(json, state->bundle, sizeof(state->bundle));
	if (!strcmp(key, "pid"))
		return !state->pid && json_positive(json, &state->pid);
	if (!strcmp(key, "annotations")) {
		if (reading->has_annotations)
			return false;
		reading->has_annotations = true;
		if (reading->keys)
			return json_object(json, read_annotation, reading);
	}
	return json_skip(json);
}

const char *read_state(const char *text, size_t length, enum runtime runtime, struct state *state)
{
	struct json json = { .at = text, .end = text + length };
	bool is_cri = runtime == RUNTIME_CONTAINERD || runtime == RUNTIME_CRIO;
	struct reading reading = { .state = state, .keys = is_cri ? &ANNOTATION_KEYS[runtime] : NULL };

	memset(state, 0, sizeof(*state));
	state->json = text;
	state->length = length;
	if (!json_object(&json, read_member, &reading) || !json_ends(&json))
		return "the container's state is not the JSON that a runtime writes";
	if (!*state->id || !*state->bundle || !state->pid)
		return "the container's state lacks a usable id, pid or bundle";
	state->is_sandbox = !strcmp(reading.type, "sandbox");
	return NULL;
}
