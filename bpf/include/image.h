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
	IMAGE_IDENTITY = 0,	/* image id, nothing */
	IMAGE_AUTOMATON = 1,	/* start state, nothing */
	IMAGE_DECISIONS = 2,	/* flags, how many rules there are */
	IMAGE_DEFAULT_ROWS = 3,	/* two a header entry: where the row for what no rule matches begins, by subject */
};

/* Classes of rules. An image decides for a class when its flag is set: 1 << class. */
enum image_class {
	CLASS_PROCESS = 0,
	CLASS_FILE = 1,
	CLASS_NETWORK = 2,
	CLASS_CAPABILITIES = 3,
	CLASS_FILESYSTEMS = 4,
	CLASS_MOUNTS = 5,
	CLASS_PTRACE = 6,
	CLASS_NAMESPACES = 7,
	CLASS_PRESETS = 8,
	CLASS_SYSCALLS = 9,
	CLASSES = 10,
};

/* Programs, files, sockets and capabilities can be visible; the first four classes. */
#define IMAGE_VISIBLE_SHIFT 26
#define IMAGE_VISIBLE_CLASSES 0xf
/* Something of what is let through is noted. */
#define IMAGE_OBSERVED (IMAGE_PROFILED | IMAGE_VISIBLE_CLASSES << IMAGE_VISIBLE_SHIFT)

enum image_flag {
	/* A policy names libraries that loaders may bring: see loader.h. */
	IMAGE_HAS_LIBRARIES = 1 << 14,
	/* A rule about programs has a source: the parent's program matters as well. */
	IMAGE_HAS_PARENTS = 1 << 15,
	IMAGE_HAS_SOURCES = 1 << 16,
	IMAGE_HAS_TERMINALS = 1 << 17,
	IMAGE_HAS_ARGUMENTS = 1 << 18,
	IMAGE_DECIDES_MAPPINGS = 1 << 19,
	/* What is let through is learnt: see observe.h. */
	IMAGE_PROFILED = 1 << 20,
	IMAGE_HAS_NAMES = 1 << 21,
	IMAGE_OBSERVES_CALLS = 1 << 22,
	IMAGE_OBSERVES_PATHS = 1 << 23,
	IMAGE_HAS_GUARDS = 1 << 24,
	IMAGE_REFUSES_ENDPOINTS = 1 << 25,
	/* What is let through of the class whose number is added is reported: see observe.h. */
	IMAGE_VISIBLE = 1 << IMAGE_VISIBLE_SHIFT,
	IMAGE_DECIDES_DRIFT = 1 << 30,
};

/* What a path or object key is about; object keys start with a character for each, see object_key.h. */
enum image_subject {
	SUBJECT_PATH = 0,
	SUBJECT_NETWORK = 1,
	SUBJECT_CAPABILITIES = 2,
	SUBJECT_FILESYSTEMS = 3,
	SUBJECT_MOUNTS = 4,
	SUBJECT_PTRACE = 5,
	SUBJECT_NAMESPACES = 6,
	SUBJECT_PRESETS = 7,
	SUBJECT_SYSCALLS = 8,
	SUBJECT_ARGUMENTS = 9,
	/* Of the network class too. */
	SUBJECT_NAMES = 10,
	SUBJECT_LIBRARIES = 11,
	SUBJECTS = 12,
};

enum image_state {
	STATE_BASE_MASK = 0x3fffffff,
	STATE_HAS_DEFAULT = 0x40000000,
	STATE_ABSORBING = 0x80000000,
};

enum image_symbol {
	SYMBOL_DEFAULT = 0,
	SYMBOL_PROGRAM_CLASS = 256,
	SYMBOL_GUARD = 257,
	SYMBOL_SOURCE = 258,
	SYMBOL_VERDICT = 259,
};

enum image_program_class {
	PROGRAM_CLASS_UNNAMED = 0,
	/* Above the class of a program stands the one that it is in while no Allow rule holds for it. */
	PROGRAM_CLASS_BITS = 16,
	PROGRAM_CLASS_MASK = 0xffff,
	/* The actor's symbol: the program's class times SYMBOLS_PER_CLASS, plus this if it has a terminal. */
	ACTOR_HAS_TERMINAL = 1,
	/*
	 * The parent's symbol: its program's class times SYMBOLS_PER_CLASS, plus this; with the unnamed class: an unknown parent.
	 */
	ACTOR_IS_PARENT = 2,
	SYMBOLS_PER_CLASS = 4,
};

/* Order of the entries of a verdict row; subjects other than paths have one operation, the first. */
enum image_operation {
	IMAGE_EXECUTE = 0,
	IMAGE_READ = 1,
	IMAGE_WRITE = 2,
	IMAGE_CREATE = 3,
	IMAGE_DELETE = 4,
	IMAGE_RENAME = 5,
	IMAGE_LINK = 6,
	IMAGE_ATTRIBUTES = 7,
	IMAGE_MAP = 8,
	VERDICT_ROW_ENTRIES = 9,
};

/* Of a directory's record, see src/image/layout.ts. */
enum image_guard {
	GUARD_NOTHING = 0,
	GUARD_ENTRIES = 2,
	/* In a verdict: decided as below any directory, so the other name is guarded. */
	GUARD_COMMON = 0x20000000,
};

enum image_verdict {
	VERDICT_ACTION_SHIFT = 30,
	/* Holds only if an argument is not among those the rule allows. */
	VERDICT_BY_ARGUMENTS = 0x20000000,
	/* Added to every verdict in an image, so that none is equal to the base of a state. */
	VERDICT_MARK = 0x40000000,
	VERDICT_RULE_MASK = 0x1fffffff,
	RULE_NONE = VERDICT_RULE_MASK,
};

enum verdict_action {
	ACTION_ALLOW = 0,
	ACTION_AUDIT = 1,
	ACTION_BLOCK = 2,
};

#endif
