// SPDX-License-Identifier: GPL-2.0-only
/*
 * No program, only types: the compiler leaves a type out of an object's BTF
 * unless something has it. A test compares these with their twins in src/.
 */
#include "include/kernel.h"
#include "include/maps.h"
#include "include/path.h"

struct {
	enum image_header header;
	enum image_flag flag;
	enum image_state state;
	enum image_symbol symbol;
	enum image_program_class program_class;
	enum image_operation operation;
	enum image_verdict verdict;
	enum verdict_action action;
	enum event_operation event_operation;
	enum path_result path_result;
	enum counter counter;
	struct image_entry entry;
	struct event_record record;
	struct container_key key;
} layouts = {};

char LICENSE[] SEC("license") = "GPL";
