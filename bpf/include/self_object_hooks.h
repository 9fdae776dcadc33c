/* SPDX-License-Identifier: GPL-2.0-only */
/* Hauberk's maps, programs and links. */
#ifndef HAUBERK_SELF_OBJECT_HOOKS_H
#define HAUBERK_SELF_OBJECT_HOOKS_H

#include "self_protection.h"

static __always_inline int protect_own_object(__u32 kind, __u32 id, const void *name)
{
	struct own_object object = { .name = name, .rule_class = CLASS_CAPABILITIES, .operation = OPERATION_USE };
	struct owner *owner = find_owner();
	struct membership membership = {};

	if (!owner || !is_own(kind, id, 0) || !is_outsider(owner, &membership))
		return 0;
	return refuse_outsider(&membership, &object);
}

/* Images come and go: they are known by their name, which nobody else gives to a map. */
static const char image_name[16] = "hauberk_image";

static __always_inline bool is_image(struct bpf_map *map)
{
	char name[16] = {};

	bpf_probe_read_kernel(name, sizeof(name), map->name);
	return *(__u64 *)name == *(const __u64 *)image_name && *(__u64 *)&name[8] == *(const __u64 *)&image_name[8];
}

SEC("lsm/bpf_map")
int BPF_PROG(hauberk_self_map, struct bpf_map *map, unsigned int mode)
{
	struct own_object object = { .rule_class = CLASS_CAPABILITIES, .operation = OPERATION_USE };
	struct owner *owner = find_owner();
	struct membership membership = {};

	if (!owner || (!is_own(OWN_MAP, map->id, 0) && !is_image(map)) || !is_outsider(owner, &membership))
		return 0;
	object.name = map->name;
	return refuse_outsider(&membership, &object);
}

SEC("lsm/bpf_prog")
int BPF_PROG(hauberk_self_program, struct bpf_prog *prog)
{
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);

	return protect_own_object(OWN_PROGRAM, BPF_CORE_READ(aux, id), (void *)aux + bpf_core_field_offset(struct bpf_prog_aux, name));
}

static const char link_name[] = "BPF link";

/* Links have no hook of their own. */
SEC("lsm/bpf")
int BPF_PROG(hauberk_self_link, int command, union bpf_attr *attributes, unsigned int size)
{
	__u32 id = 0;

	if (command != BPF_LINK_GET_FD_BY_ID)
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id), attributes);
	return protect_own_object(OWN_LINK, id, link_name);
}

#endif
