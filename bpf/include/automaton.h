/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one matcher. A path is fed byte by byte to the automaton of an image;
 * src/image/walk.ts does the same in user space.
 */
#ifndef HAUBERK_AUTOMATON_H
#define HAUBERK_AUTOMATON_H

#include "image.h"
#include "kernel.h"

#define PATH_BYTES_MAX 4096
/* Room behind the path lets the verifier bound a copy of one name. */
#define NAME_BYTES_MAX 256
#define PATH_BUFFER_BYTES (PATH_BYTES_MAX + NAME_BYTES_MAX)

/* No name that is outside its dentry is shorter than that. */
#define SHORT_NAME_BYTES_MAX 32

/* What a dentry is called, and where, as its members follow each other. */
struct dentry_name {
	__u64 parent;
	__u32 hash;
	__u32 length;
	__u64 text;		/* address of the name */
	__u64 inode;
	/* Where a short name lies. */
	char within[SHORT_NAME_BYTES_MAX];
};

/* How far the building of a path has come: see path.h. It stands here because the stack has no room for it. */
struct path_walk {
	__u64 dentry;
	__u64 mount;
	__u64 root;
	/* Where to begin again when a rename got in between. */
	__u64 start_dentry;
	__u64 start_mount;
	__u32 offset;
	__u32 result;
	__u32 directory;
	/* A directory, whatever is there by now. */
	__u32 as_directory;
	/* Where others rename all the time, walks are compared: see path_attempt. */
	__u32 compares;
	__u32 moving;		/* a name on the way was being changed */
	__u32 fence;		/* written to, never read */
	__u64 mark;		/* of the names on the way, and how often each was changed */
	__u64 last_mark;
	struct dentry_name name;	/* that is read */
};

/* A path is built from its end, so it ends at PATH_BYTES_MAX and starts at an offset. */
struct path_buffer {
	char bytes[PATH_BUFFER_BYTES];
	struct path_walk walk;
};

/*
 * An offset the verifier believes to lie within a path. The compiler would drop
 * a plain mask where it has proved it needless itself.
 */
static __always_inline __u64 path_index(__u64 offset)
{
	asm volatile("%0 &= %1" : "+r"(offset) : "i"(PATH_BYTES_MAX - 1));
	return offset;
}

/* Bytes per call of the loop's body: fewer calls against more verified instructions. */
#define BYTES_PER_STEP 8

/* An image that is being read, with its first page, where the header is. */
struct open_image {
	void *pages;
	struct image_page *first;
};

struct automaton_walk {
	void *pages;
	struct path_buffer *path;
	struct image_page *first;
	/* The page looked up last, and its number. */
	struct image_page *page;
	__u32 page_number;
	__u32 offset;
	__u32 state;
};

static __always_inline struct image_entry *entry_in(struct image_page *page, __u32 index)
{
	asm volatile("%0 &= %1" : "+r"(index) : "i"(PAGE_ENTRIES - 1));
	return &page->entries[index];
}

static __always_inline bool image_open(struct open_image *image, void *pages)
{
	__u32 zero = 0;

	image->pages = pages;
	image->first = bpf_map_lookup_elem(pages, &zero);
	return image->first;
}

static __always_inline struct image_entry *walk_to(struct automaton_walk *walk, __u32 index)
{
	__u32 number = index / PAGE_ENTRIES;
	struct image_page *page = walk->page;

	/* What paths branch at comes first, so that a walk keeps coming back to this page. */
	if (!number)
		return entry_in(walk->first, index);
	if (number != walk->page_number) {
		page = bpf_map_lookup_elem(walk->pages, &number);
		if (!page)
			return NULL;
		walk->page = page;
		walk->page_number = number;
	}
	return entry_in(page, index);
}

static long automaton_step(__u32 step, struct automaton_walk *walk)
{
	__u32 state = walk->state;
	__u32 offset = walk->offset;
	struct image_entry *entry;

	for (int i = 0; i < BYTES_PER_STEP; i++) {
		__u32 base = state & STATE_BASE_MASK;
		__u8 byte;

		if (offset >= PATH_BYTES_MAX || (state & STATE_ABSORBING) || !base) {
			walk->state = state;
			return 1;
		}
		byte = walk->path->bytes[path_index(offset)];
		entry = walk_to(walk, base + byte);
		if (entry && entry->first == base) {
			state = entry->second;
		} else if (state & STATE_HAS_DEFAULT) {
			entry = walk_to(walk, base + SYMBOL_DEFAULT);
			state = entry && entry->first == base ? entry->second : 0;
		} else {
			state = 0;
		}
		offset++;
	}
	walk->state = state;
	walk->offset = offset;
	return 0;
}

static __always_inline __u32 walk_symbol(struct automaton_walk *walk, __u32 symbol, __u32 otherwise)
{
	__u32 base = walk->state & STATE_BASE_MASK;
	struct image_entry *entry = base ? walk_to(walk, base + symbol) : NULL;

	return entry && entry->first == base ? entry->second : otherwise;
}

struct match {
	__u32 offset;		/* where the path or object key starts */
	__u32 actor;		/* who acts: see ACTOR_HAS_TERMINAL */
	__u32 parent;		/* the parent's program, where it matters: see ACTOR_IS_PARENT; 0 for one that no rule names */
	__u32 subject;		/* enum image_subject */
	__u32 object_class;	/* out: the classes of the object, were it a program: see PROGRAM_CLASS_BITS */
	__u32 replaced;		/* out: asked to be written to or made: the verdict on that where it is a source's file */
	bool speaks;		/* out: whether some rule covers object keys that start like this one */
};

static __always_inline __u32 default_row(const struct open_image *image, __u32 subject)
{
	struct image_entry *entry = entry_in(image->first, IMAGE_DEFAULT_ROWS + subject / 2);

	return subject % 2 ? entry->second : entry->first;
}

/* There is no verdict to read in a damaged image. */
#define VERDICT_OF_DAMAGED (ACTION_BLOCK << VERDICT_ACTION_SHIFT | RULE_NONE)

/*
 * The strongest verdict of a row over the wanted operations, of equal ones the
 * first. A row is on one page, most often the one that the walk has come to.
 * Verdicts are compared with their mark on, and the owner is a number from
 * memory: of constants the verifier would follow each apart.
 */
static __always_inline __u32 strongest_in_row(struct automaton_walk *walk, __u32 row, __u32 wanted, __u32 owner)
{
	__u32 number = row / PAGE_ENTRIES, strongest = 0;
	struct image_page *page = number == walk->page_number ? walk->page : bpf_map_lookup_elem(walk->pages, &number);

	if (!page)
		return VERDICT_OF_DAMAGED;
	for (__u32 operation = 0; operation < VERDICT_ROW_ENTRIES; operation++) {
		struct image_entry *entry;
		__u32 marked;

		if (!(wanted & 1 << operation))
			continue;
		entry = entry_in(page, row + operation);
		marked = owner ? entry->first : entry->second;
		if (marked < VERDICT_MARK)
			return VERDICT_OF_DAMAGED;
		/* VERDICT_MARK adds the same to every action. */
		if (marked >> VERDICT_ACTION_SHIFT > strongest >> VERDICT_ACTION_SHIFT)
			strongest = marked;
	}
	return strongest ? strongest - VERDICT_MARK : RULE_NONE;
}

/*
 * Feeds a path or object key to the automaton, finds the verdict row for its object and in it the strongest verdict
 * over the wanted operations, if any. Where it makes a difference, the parent's program is a symbol behind the path.
 * The acting program is the last symbol: an entry for the program comes before the entry for all, and one for processes
 * with a terminal before that.
 */
static __noinline __u32 automaton_match(const struct open_image *image, struct path_buffer *path, struct match *match,
					__u32 wanted, __u32 owner)
{
	struct automaton_walk walk = {
		.pages = image->pages,
		.first = image->first,
		.page = image->first,
		.path = path,
		.offset = match->offset,
	};
	__u32 terminal = match->actor & ACTOR_HAS_TERMINAL;
	__u32 row, state;

	walk.state = image->first->entries[IMAGE_AUTOMATON].first;
	bpf_loop(PATH_BYTES_MAX / BYTES_PER_STEP + 1, automaton_step, &walk, 0);
	match->speaks = walk.state;
	match->object_class = walk_symbol(&walk, SYMBOL_PROGRAM_CLASS, PROGRAM_CLASS_UNNAMED);
	if (!wanted)
		return RULE_NONE;
	match->replaced = RULE_NONE;
	if (match->subject == SUBJECT_PATH && (wanted & (1 << IMAGE_WRITE | 1 << IMAGE_CREATE))) {
		__u32 source = walk_symbol(&walk, SYMBOL_SOURCE, 0);
		struct image_entry *entry = source ? walk_to(&walk, source + 1) : NULL;

		if (entry)
			match->replaced = entry->first - VERDICT_MARK;
	}
	if (match->parent) {
		state = walk_symbol(&walk, SYMBOL_VERDICT + match->parent, 0);
		if (state)
			walk.state = state;
	}
	row = walk_symbol(&walk, SYMBOL_VERDICT, default_row(image, match->subject));
	if (terminal)
		row = walk_symbol(&walk, SYMBOL_VERDICT + terminal, row);
	if (match->actor > ACTOR_HAS_TERMINAL) {
		row = walk_symbol(&walk, SYMBOL_VERDICT + (match->actor & ~ACTOR_HAS_TERMINAL), row);
		if (terminal)
			row = walk_symbol(&walk, SYMBOL_VERDICT + match->actor, row);
	}
	return strongest_in_row(&walk, row, wanted, owner);
}

#endif
