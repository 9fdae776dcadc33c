/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Byte layout of a policy image. src/image/layout.ts is its twin and explains
 * it; a test compares the two.
 */
#ifndef HAUBERK_IMAGE_H
#define HAUBERK_IMAGE_H

#include <linux/types.h>

struct image_entry {
	__u32 first;
	__u32 second;
};

/*
 * An image is an array of pages: the kernel's look-up costs more than a step of
 * the automaton, so it is made once a page and not once a step.
 */
#define PAGE_ENTRIES 4096

struct image_page {
	struct image_entry entries[PAGE_ENTRIES];
};

enum image_header {
	IMAGE_IDENTITY = 0,	/* generation, magic */
	IMAGE_AUTOMATON = 1,	/* start state, first verdict row */
	IMAGE_DECISIONS = 2,	/* flags, row for what no rule matches */
};

enum image_flag {
	IMAGE_DECIDES_PROCESS = 1 << 0,
	IMAGE_DECIDES_FILE = 1 << 1,
	IMAGE_HAS_SOURCES = 1 << 2,
	IMAGE_DECIDES_NETWORK = 1 << 3,
	IMAGE_DECIDES_CAPABILITIES = 1 << 4,
};

enum image_state {
	STATE_BASE_MASK = 0x3fffffff,
	STATE_HAS_DEFAULT = 0x40000000,
	STATE_ABSORBING = 0x80000000,
};

enum image_symbol {
	SYMBOL_DEFAULT = 0,
	SYMBOL_PROGRAM_CLASS = 256,
	SYMBOL_VERDICT = 257,
};

enum image_program_class {
	PROGRAM_CLASS_UNNAMED = 0,
};

/* Order of the entries of a verdict row. */
enum image_operation {
	IMAGE_EXECUTE = 0,
	IMAGE_READ = 1,
	IMAGE_WRITE = 2,
	IMAGE_COMMUNICATE = 3,
	IMAGE_USE = 4,
	VERDICT_ROW_ENTRIES = 5,
};

enum image_verdict {
	VERDICT_ACTION_SHIFT = 30,
	VERDICT_RULE_MASK = 0x3fffffff,
	RULE_NONE = VERDICT_RULE_MASK,
};

enum verdict_action {
	ACTION_ALLOW = 0,
	ACTION_AUDIT = 1,
	ACTION_BLOCK = 2,
};

#endif
