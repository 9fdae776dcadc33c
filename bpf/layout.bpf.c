// SPDX-License-Identifier: GPL-2.0-only
/*
 * No program, only types: the compiler leaves a type out of an object's BTF
 * unless something has it. A test compares these with their twins in src/.
 */
#include "include/kernel.h"
#include "include/holding.h"
#include "include/maps.h"
#include "include/observe.h"
#include "include/names.h"
#include "include/nodes.h"
#include "include/owner.h"
#include "include/path.h"
#include "include/token_bucket.h"
#include "include/object_key.h"

struct {
	enum image_header header;
	enum image_flag flag;
	enum image_class rule_class;
	enum image_subject subject;
	enum image_state state;
	enum image_symbol symbol;
	enum image_program_class program_class;
	enum image_operation operation;
	enum image_guard guard;
	enum image_verdict verdict;
	enum verdict_action action;
	enum event_operation event_operation;
	enum event_flag event_flag;
	enum endpoint_direction endpoint_direction;
	enum endpoint_address endpoint_address;
	enum object_key object_key;
	enum preset_detail preset_detail;
	enum call_point call_point;
	enum call_numbering call_numbering;
	enum path_result path_result;
	enum counter counter;
	struct image_entry entry;
	struct image_page page;
	struct event_record record;
	struct container_key key;
	struct new_container new_container;
	struct learnt_key learnt_key;
	struct learnt_place learnt_place;
	struct settings settings;
	struct node_key node_key;
	struct node_path node_path;
	struct token_bucket bucket;
	struct access_key access;
	enum access_limit access_limit;
	enum own_kind own_kind;
	struct own_key own_key;
	struct owner owner;
	struct claim claim;
	struct held_key held_key;
	enum holding_kind holding_kind;
	struct holding holding;
} layouts = {};

char LICENSE[] SEC("license") = "GPL";
