/* SPDX-License-Identifier: GPL-2.0-only */
/* Decides on an access. Every conflict between rules was settled when the image was built; here it is only read. */
#ifndef HAUBERK_DECIDE_H
#define HAUBERK_DECIDE_H

#include "aliases.h"
#include "nodes.h"
#include "observe.h"
#include "parent.h"
#include "questions.h"
#include "report.h"
#include "task.h"
#include "object_key_prefix.h"

#define ACCESS_EXECUTE (1 << IMAGE_EXECUTE)
#define ACCESS_READ (1 << IMAGE_READ)
#define ACCESS_WRITE (1 << IMAGE_WRITE)
#define ACCESS_CREATE (1 << IMAGE_CREATE)
#define ACCESS_DELETE (1 << IMAGE_DELETE)
#define ACCESS_RENAME (1 << IMAGE_RENAME)
#define ACCESS_LINK (1 << IMAGE_LINK)
#define ACCESS_ATTRIBUTES (1 << IMAGE_ATTRIBUTES)
#define ACCESS_MAP (1 << IMAGE_MAP)
/* The one operation of every subject but paths. */
#define ACCESS_USE (1 << 0)

struct access {
	/* A path, or the path at the end of an object key. */
	struct dentry *dentry;
	struct vfsmount *mnt;
	const struct socket_use *socket;	/* SUBJECT_NETWORK, and only that */
	struct msghdr *message;	/* SUBJECT_NAMES: what holds the question; the detail is 1 on a stream */
	const char *name;	/* stands between an object key's detail and its path */
	__u16 wanted;		/* ACCESS_ bits */
	__u8 subject;		/* enum image_subject */
	__u8 operation;		/* enum event_operation */
	char key;		/* enum object_key */
	__u8 detail;
	__u16 number;		/* SUBJECT_SYSCALLS: see object_key.h; SUBJECT_NAMES: where the question begins */
	bool unreported;
	bool by_rules;		/* only rules that block count: anything else is allowed, whatever the posture, and not reported */
	bool was_reported;		/* what is not refused was reported when the file was opened */
	bool by_child;		/* the parent's program matters as well: a program is run, or made usable in another way */
	__u32 object_class;	/* out: the classes of the object, were it a program: see PROGRAM_CLASS_BITS */
};

/* Paths belong to two classes of rules, everything else to one. */
static __always_inline __u32 class_of(const struct access *access)
{
	if (access->subject == SUBJECT_NAMES)
		return CLASS_NETWORK;
	return !access->subject && (access->wanted & ACCESS_EXECUTE) ? CLASS_PROCESS : access->subject + 1;
}

static __always_inline bool decides(struct membership *membership, __u32 rule_class)
{
	return membership->flags & (1 << rule_class);
}

static __always_inline bool owns(struct task_struct *task, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	/* What does not exist yet will belong to whoever makes it. */
	return !inode || BPF_CORE_READ(inode, i_uid.val) == task->cred->fsuid.val;
}

/* Pipes, sockets, memory files: they have no path in any tree, so no rule can match them. */
static __always_inline bool is_nameless(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_sb, s_flags) & SB_NOUSER;
}

/*
 * Where the path cannot be known the access is refused, whatever the rules say. Exceptions: a system call is only ever
 * reported, and the host has to keep working, as its own tools work in trees that have no name yet.
 */
static __always_inline int refuse_unresolved(struct scratch *scratch, __u32 result)
{
	bool refuses = scratch->record.rule_class != CLASS_SYSCALLS &&
		       !(scratch->question.host && result == PATH_UNREACHABLE);
	__u32 action = refuses ? ACTION_BLOCK : ACTION_AUDIT;

	/* Reported in the same way: a memory file, for example, has no tree either. */
	if (result == PATH_INTERNAL)
		result = PATH_UNREACHABLE;
	count(refuses ? COUNTER_REFUSED + result : COUNTER_DECISIONS + 3 * scratch->record.rule_class + ACTION_AUDIT);
	scratch->record.path_result = result;
	scratch->question.verdict = action << VERDICT_ACTION_SHIFT | RULE_NONE;
	report(scratch);
	return refuses ? -EACCES : 0;
}

/*
 * The kernel opens its own layers below a name that was decided. What is run
 * from no name at all is refused where programs are decided, and is otherwise
 * a program no rule can name.
 */
static __always_inline bool needs_no_decision(struct membership *membership, struct access *access, __u32 result)
{
	if (class_of(access) == CLASS_PROCESS && !access->by_rules)
		return has_no_name(result) && !decides(membership, CLASS_PROCESS);
	return result == PATH_INTERNAL;
}

/* Stores what the object key of an access is made of, where the functions that are verified only once can read it. */
static __always_inline void store_object(struct scratch *scratch, struct access *access)
{
	struct object *object = &scratch->object;

	object->dentry = (__u64)access->dentry;
	object->mount = access->mnt ? (__u64)mount_of(access->mnt) : 0;
	object->message = (__u64)access->message;
	object->name = (__u64)access->name;
	object->number = access->number;
	object->detail = access->detail;
	object->key = access->key;
	object->is_socket = access->socket;
	if (access->socket)
		object->socket = *access->socket;
}

/* Writes the object key where a path would stand. Returns enum path_result. */
__noinline int place_object(struct scratch *scratch)
{
	struct path_buffer *path;
	struct object *object;
	struct match *match;

	if (!scratch)
		return PATH_UNAVAILABLE;
	path = &scratch->path;
	object = &scratch->object;
	match = &scratch->question.match;
	match->offset = PATH_BYTES_MAX;
	if (object->is_socket) {
		match->offset = place_socket(path, &object->socket);
		return PATH_OK;
	}
	if (object->message) {
		scratch->sent.header = object->message;
		scratch->sent.is_stream = object->detail;
		scratch->sent.start = object->number;
		return place_question(scratch);
	}
	if (match->subject == SUBJECT_CAPABILITIES) {
		match->offset = place_capability(path, object->detail);
		return PATH_OK;
	}
	if (object->dentry) {
		__u32 result = path_build_below(path, object->dentry, object->mount, &match->offset);

		if (result != PATH_OK)
			return result;
	}
	if (!object->key)
		return PATH_OK;
	scratch->key.first = object->key;
	scratch->key.detail = object->detail;
	scratch->key.name = object->name;
	scratch->key.number = object->number;
	return place_before(scratch);
}

/* How often a decision is retried because the image was replaced meanwhile. */
#define IMAGE_ATTEMPTS 3

/*
 * Finds who acts, and looks up the object in the image. Returns enum image_answer, which
 * means nothing unless the question's place is PATH_OK.
 */
static __always_inline int look_up_in_image(struct scratch *scratch, bool by_child)
{
	int answer = IMAGE_REPLACED;
	struct question *question;

	if (!scratch)
		return IMAGE_GONE;
	question = &scratch->question;
#pragma unroll
	for (int i = 0; i < IMAGE_ATTEMPTS; i++) {
		if (by_child && find_parent(scratch) != IMAGE_ANSWERED)
			continue;
		question->place = find_actor(scratch);
		if (question->place == PATH_OK)
			question->place = place_object(scratch);
		if (question->place != PATH_OK)
			return IMAGE_GONE;
		answer = image_decide(scratch);
		if (answer != IMAGE_REPLACED)
			return answer;
	}
	question->place = PATH_UNAVAILABLE;
	return answer;
}

__noinline int query_image(struct scratch *scratch)
{
	return look_up_in_image(scratch, false);
}

/* The same where the parent's program matters as well. */
__noinline int query_image_by_child(struct scratch *scratch)
{
	return look_up_in_image(scratch, true);
}

/* Counts the decision, and reports or records the access. */
static __always_inline int finish_decision(struct scratch *scratch)
{
	struct question *question = &scratch->question;
	__u32 action = question->verdict >> VERDICT_ACTION_SHIFT;

	if (question->by_rules && (action < ACTION_BLOCK || (question->verdict & VERDICT_RULE_MASK) >= question->rules))
		return 0;
	if (question->was_reported && action < ACTION_BLOCK && !(question->image_flags & IMAGE_OBSERVED))
		return 0;
	count(COUNTER_DECISIONS + 3 * scratch->record.rule_class + action);
	if (question->unreported) {
		if (action != ACTION_ALLOW)
			count(COUNTER_EVENT_SPECULATIVE);
	} else if (action < ACTION_BLOCK && (question->image_flags & IMAGE_OBSERVED)) {
		if (observe(scratch) && report(scratch))
			unobserve(scratch);
	} else if (action != ACTION_ALLOW) {
		report(scratch);
	}
	return action >= ACTION_BLOCK ? -EACCES : 0;
}

/* Who acts stands in the question as classes of one image: it is found again where that was replaced meanwhile. */
static __always_inline bool find_who_acts_again(struct scratch *scratch)
{
	if (scratch->question.by_child && find_parent(scratch) != IMAGE_ANSWERED)
		return false;
	return find_actor(scratch) == PATH_OK;
}

/* A name that no rule covers changes nothing: what is left to the posture is decided by the name in use alone. */
static __always_inline bool is_decided_by_rule(struct scratch *scratch)
{
	__u32 verdict = scratch->question.verdict;

	return verdict >> VERDICT_ACTION_SHIFT != ACTION_ALLOW && (verdict & VERDICT_RULE_MASK) < scratch->question.rules;
}

/* Looks up the alias in the buffer. Returns enum image_answer. */
static __always_inline int decide_alias(struct scratch *scratch)
{
	int answer;

	scratch->question.verdict = RULE_NONE;
	answer = image_decide(scratch);
	if (!is_decided_by_rule(scratch))
		scratch->question.verdict = RULE_NONE;
	return answer;
}

/* Checks the next name that another mount gives the object. Returns enum image_answer, IMAGE_GONE where there is none. */
static __always_inline int query_alias(struct scratch *scratch)
{
	return next_alias(scratch) ? decide_alias(scratch) : IMAGE_GONE;
}

/* Checks the same name once more, in the image that has come. */
__noinline int query_alias_again(struct scratch *scratch)
{
	int answer = IMAGE_REPLACED;

	if (!scratch)
		return IMAGE_GONE;
	for (int i = 1; i < IMAGE_ATTEMPTS && answer == IMAGE_REPLACED; i++)
		if (find_who_acts_again(scratch))
			answer = place_alias(scratch) ? decide_alias(scratch) : IMAGE_GONE;
	return answer;
}

/* What may not be done by one of a file's names may not be done by any. */
static __always_inline int decide_aliases(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mnt)
{
	begin_aliases(scratch, dentry, mnt);
	for (int i = 0; i < ALIASES_MAX; i++) {
		int answer = query_alias(scratch);

		if (answer == IMAGE_REPLACED)
			answer = query_alias_again(scratch);
		if (answer == IMAGE_REPLACED)
			break;
		if (answer == IMAGE_GONE)
			return 0;
		answer = finish_decision(scratch);
		if (answer)
			return answer;
	}
	return refuse_unresolved(scratch, PATH_UNAVAILABLE);
}

/* Checks the next name of the number. Returns enum image_answer, IMAGE_GONE where there is none. */
__noinline int query_node(struct scratch *scratch)
{
	int answer = IMAGE_REPLACED;

	if (!scratch)
		return IMAGE_GONE;
	for (int i = 0; i < IMAGE_ATTEMPTS && answer == IMAGE_REPLACED; i++) {
		if (i && !find_who_acts_again(scratch))
			continue;
		if (!place_node(scratch))
			return IMAGE_GONE;
		scratch->question.verdict = RULE_NONE;
		answer = image_decide(scratch);
		if (answer == IMAGE_REPLACED)
			scratch->node.number--;
	}
	return answer;
}

/*
 * What is no stricter than the decision by the name in use has been counted and reported with it. But nothing has come
 * of a verdict that waits for arguments, unless the other name waits for them too, nor of one that would block: then
 * only rules count, and it is the posture's.
 */
static __always_inline bool is_stricter(struct scratch *scratch)
{
	__u32 decided = scratch->node.decided, verdict = scratch->question.verdict;
	__u32 action = decided >> VERDICT_ACTION_SHIFT;

	if (!(decided & verdict & VERDICT_BY_ARGUMENTS) && ((decided & VERDICT_BY_ARGUMENTS) || action >= ACTION_BLOCK))
		action = ACTION_ALLOW;
	return verdict >> VERDICT_ACTION_SHIFT > action;
}

__noinline int decide_node(struct scratch *scratch)
{
	if (!scratch)
		return 0;
	for (int i = 0; i < NODE_NAMES_MAX; i++) {
		int answer = query_node(scratch);

		if (answer == IMAGE_GONE)
			return 0;
		if (answer == IMAGE_REPLACED)
			return refuse_unresolved(scratch, PATH_UNAVAILABLE);
		if (!is_decided_by_rule(scratch) || !is_stricter(scratch))
			continue;
		answer = finish_decision(scratch);
		if (answer)
			return answer;
	}
	return 0;
}

static __always_inline void begin_number(struct scratch *scratch, __u32 mode, __u32 device, __u64 number)
{
	scratch->node.inode = number;
	scratch->node.device = device;
	scratch->node.type = mode & S_IFMT;
	scratch->node.number = 0;
}

/* False for a file that no other name can be known of by its number. */
static __always_inline bool begin_number_of(struct scratch *scratch, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	__u32 mode = BPF_CORE_READ(inode, i_mode), device = 0;
	__u64 number = 0;

	if (is_node(mode)) {
		device = BPF_CORE_READ(inode, i_rdev);
	} else if ((mode & S_IFMT) == S_IFREG && BPF_CORE_READ(inode, i_nlink) > 1) {
		device = BPF_CORE_READ(inode, i_sb, s_dev);
		number = BPF_CORE_READ(inode, i_ino);
	}
	begin_number(scratch, mode, device, number);
	return device;
}

/* Decides about a device node or a file by the other names of its number, after the verdict by its own (node.decided). */
static __always_inline int decide_number(struct scratch *scratch)
{
	/*
	 * Newer verifiers know no bounds of what a separately verified function returns, and a hook's return value has to be
	 * bounded.
	 */
	return decide_node(scratch) ? -EACCES : 0;
}

/*
 * Looks up an access. True when there is a verdict; otherwise the answer is set, and a
 * refusal is reported.
 */
static __always_inline bool query_access(struct membership *membership, struct scratch *scratch, struct access *access, int *refusal)
{
	int answer;

	store_object(scratch, access);
	answer = access->by_child ? query_image_by_child(scratch) : query_image(scratch);
	access->object_class = scratch->question.match.object_class;
	/* Without an answer the container is no longer under any policy. */
	if (scratch->question.place == PATH_OK)
		return answer == IMAGE_ANSWERED;
	if (!needs_no_decision(membership, access, scratch->question.place))
		*refusal = refuse_unresolved(scratch, scratch->question.place);
	return false;
}

static __always_inline void question_begin(struct membership *membership, struct scratch *scratch, struct access *access)
{
	scratch->actor = 0;
	scratch->question.container = membership->container;
	scratch->question.image_id = membership->image_id;
	scratch->question.image_flags = membership->flags;
	scratch->question.rules = membership->rules;
	scratch->question.wanted = access->wanted;
	scratch->question.unreported = access->unreported;
	scratch->question.by_rules = access->by_rules;
	scratch->question.was_reported = access->was_reported;
	scratch->question.by_child = access->by_child;
	scratch->question.confined = membership->confined;
	scratch->question.host = membership->host;
	scratch->question.owner = access->subject != SUBJECT_PATH || owns(membership->task, access->dentry);
	scratch->question.match.subject = access->subject;
	scratch->question.match.parent = 0;
	scratch->record.flags = (scratch->question.owner ? 0 : EVENT_NOT_OWNER) |
				(membership->confined ? 0 : EVENT_FROM_OUTSIDE);
	scratch->record.wanted = access->wanted;
	scratch->record.operation = access->operation;
	scratch->record.rule_class = class_of(access);
	scratch->record.path_result = PATH_OK;
}

static __always_inline int decide(struct membership *membership, struct access *access)
{
	struct scratch *scratch = scratch_take();
	int answer = 0;

	if (!scratch) {
		count(COUNTER_REFUSED + PATH_UNAVAILABLE);
		return -EACCES;
	}
	question_begin(membership, scratch, access);
	scratch->node.decided = RULE_NONE;
	/* What depends on arguments is decided again once they are known: see argument_hooks.h. */
	if (query_access(membership, scratch, access, &answer)) {
		/* A program that may only run with certain arguments may not be used in other ways. */
		if (access->by_rules)
			scratch->question.verdict &= ~VERDICT_BY_ARGUMENTS;
		if (!(scratch->question.verdict & VERDICT_BY_ARGUMENTS))
			answer = finish_decision(scratch);
		scratch->node.decided = scratch->question.verdict;
	}
	if (!answer && !access->subject && begin_number_of(scratch, access->dentry))
		answer = decide_number(scratch);
	if (!answer && !access->subject && has_aliases(scratch))
		answer = decide_aliases(scratch, access->dentry, access->mnt);
	scratch_return(scratch);
	return answer;
}

#endif
