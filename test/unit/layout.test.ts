import assert from 'node:assert/strict';
import { test } from 'node:test';
import koffi from 'koffi';
import { CONTAINERS_MAX } from '../../src/containers/container.js';
import * as layout from '../../src/image/layout.js';
import { ACCESS_KEY, ACCESS_KEY_BYTES, ACCESS_NONE } from '../../src/kernel/accesses.js';
import { COUNTERS } from '../../src/kernel/counters.js';
import { NODE_KEY, NODE_KEY_BYTES, NODE_PATH, NODE_PATH_BYTES } from '../../src/kernel/device-nodes.js';
import { SETTINGS, SETTINGS_BYTES, TOKEN_BUCKET, TOKEN_BUCKET_BYTES } from '../../src/kernel/event-limit.js';
import { OPERATIONS as EVENT_OPERATIONS, FLAGS, RECORD, RECORD_BYTES } from '../../src/kernel/event-record.js';
import { HELD_KEY, HELD_KEY_BYTES, HOLDING, HOLDING_BYTES, HOLDING_KINDS } from '../../src/kernel/holdings.js';
import { LEARNT_KEY_BYTES, LEARNT_PLACE, LEARNT_PLACE_BYTES } from '../../src/kernel/learnt-names.js';
import { NEW_CONTAINER, NEW_CONTAINER_BYTES } from '../../src/kernel/new-containers.js';
import { PATH_RESULTS } from '../../src/kernel/path-results.js';
import {
  CLAIM,
  CLAIM_BYTES,
  OWN_KEY,
  OWN_KEY_BYTES,
  OWN_KINDS,
  OWNER,
  OWNER_BYTES,
} from '../../src/kernel/self-protection.js';
import { checkedPointer, closeObject, findMap, openObject } from '../../src/native/object-functions.js';
import { PATH_OPERATIONS } from '../../src/policy/effect.js';
import { RULE_CLASSES } from '../../src/policy/model.js';
import { CALL_32_BIT, CALL_POINTS } from '../../src/policy/system-calls.js';
import { VISIBLE_ACCESSES_MAX } from '../../src/policy/visibility.js';
import { ObjectTypes } from '../support/btf.js';

const types = new ObjectTypes('build/bpf/layout.bpf.o');

/** The names of an enumeration in the order of their values, without prefix and in the spelling of src/. */
function names(enumeration: string, prefix: string): string[] {
  const entries = Object.entries(types.enumeration(enumeration)).filter(([name]) => name.startsWith(prefix));
  for (const [index, [name, value]] of entries.entries()) assert.equal(value, index, name);
  return entries.map(([name]) => name.slice(prefix.length).toLowerCase().replaceAll('_', '-'));
}

test('an event record has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('event_record'), { ...RECORD, 'size of structure': RECORD_BYTES });
});

test('an image has the same header, flags and symbols in C and in TypeScript', () => {
  assert.deepEqual(types.structure('image_entry'), { first: 0, second: 4, 'size of structure': layout.ENTRY_BYTES });
  assert.equal(types.structure('image_page')['size of structure'], layout.PAGE_ENTRIES * layout.ENTRY_BYTES);
  assert.deepEqual(types.enumeration('image_header'), {
    IMAGE_IDENTITY: layout.HEADER.identity,
    IMAGE_AUTOMATON: layout.HEADER.automaton,
    IMAGE_DECISIONS: layout.HEADER.decisions,
    IMAGE_DEFAULT_ROWS: layout.HEADER.defaultRows,
  });
  assert.deepEqual(types.enumeration('image_flag'), {
    IMAGE_HAS_LIBRARIES: layout.FLAG_HAS_LIBRARIES,
    IMAGE_HAS_PARENTS: layout.FLAG_HAS_PARENTS,
    IMAGE_HAS_SOURCES: layout.FLAG_HAS_SOURCES,
    IMAGE_HAS_TERMINALS: layout.FLAG_HAS_TERMINALS,
    IMAGE_HAS_ARGUMENTS: layout.FLAG_HAS_ARGUMENTS,
    IMAGE_DECIDES_MAPPINGS: layout.FLAG_DECIDES_MAPPINGS,
    IMAGE_PROFILED: layout.FLAG_PROFILED,
    IMAGE_HAS_NAMES: layout.FLAG_HAS_NAMES,
    IMAGE_OBSERVES_CALLS: layout.FLAG_OBSERVES_CALLS,
    IMAGE_OBSERVES_PATHS: layout.FLAG_OBSERVES_PATHS,
    IMAGE_HAS_GUARDS: layout.FLAG_HAS_GUARDS,
    IMAGE_REFUSES_ENDPOINTS: layout.FLAG_REFUSES_ENDPOINTS,
    IMAGE_VISIBLE: layout.visibleFlag('process'),
    IMAGE_DECIDES_DRIFT: layout.FLAG_DECIDES_DRIFT,
  });
  assert.deepEqual(names('image_class', 'CLASS_'), [...RULE_CLASSES]);
  assert.deepEqual(names('image_subject', 'SUBJECT_'), [...layout.SUBJECTS]);
  assert.equal(types.enumeration('call_numbering').CALL_32_BIT, CALL_32_BIT);
  assert.deepEqual(names('call_point', 'POINT_'), [...CALL_POINTS]);
  assert.equal(layout.decidesFlag('capabilities'), 1 << types.enumeration('image_class').CLASS_CAPABILITIES!);
  assert.deepEqual(types.enumeration('image_state'), {
    STATE_BASE_MASK: layout.STATE_BASE_MASK,
    STATE_HAS_DEFAULT: layout.STATE_HAS_DEFAULT,
    STATE_ABSORBING: layout.STATE_ABSORBING,
  });
  assert.deepEqual(types.enumeration('image_symbol'), {
    SYMBOL_DEFAULT: layout.SYMBOL_DEFAULT,
    SYMBOL_PROGRAM_CLASS: layout.SYMBOL_PROGRAM_CLASS,
    SYMBOL_GUARD: layout.SYMBOL_GUARD,
    SYMBOL_SOURCE: layout.SYMBOL_SOURCE,
    SYMBOL_VERDICT: layout.SYMBOL_VERDICT,
  });
  assert.deepEqual(types.enumeration('image_program_class'), {
    PROGRAM_CLASS_UNNAMED: layout.PROGRAM_CLASS_UNNAMED,
    PROGRAM_CLASS_BITS: layout.PROGRAM_CLASS_BITS,
    PROGRAM_CLASS_MASK: layout.PROGRAM_CLASS_MASK,
    ACTOR_HAS_TERMINAL: layout.ACTOR_HAS_TERMINAL,
    ACTOR_IS_PARENT: layout.ACTOR_IS_PARENT,
    SYMBOLS_PER_CLASS: layout.SYMBOLS_PER_CLASS,
  });
});

test('a guard record has the same parts in C and in TypeScript', () => {
  assert.deepEqual(types.enumeration('image_guard'), {
    GUARD_NOTHING: layout.GUARD_NOTHING,
    GUARD_ENTRIES: layout.GUARD_ENTRIES,
    GUARD_COMMON: layout.GUARD_COMMON,
  });
});

test('a verdict has the same parts in C and in TypeScript', () => {
  const { VERDICT_ROW_ENTRIES, ...operations } = types.enumeration('image_operation');
  assert.equal(VERDICT_ROW_ENTRIES, layout.VERDICT_ROW_ENTRIES);
  assert.deepEqual(
    operations,
    Object.fromEntries(PATH_OPERATIONS.map((operation, index) => [`IMAGE_${operation.toUpperCase()}`, index])),
  );
  assert.deepEqual(types.enumeration('image_verdict'), {
    VERDICT_ACTION_SHIFT: layout.VERDICT_ACTION_SHIFT,
    VERDICT_BY_ARGUMENTS: layout.VERDICT_BY_ARGUMENTS,
    VERDICT_MARK: layout.VERDICT_MARK,
    VERDICT_RULE_MASK: layout.VERDICT_RULE_MASK,
    RULE_NONE: layout.RULE_NONE,
  });
  assert.deepEqual(
    names('verdict_action', 'ACTION_'),
    layout.VERDICT_ACTIONS.map((action) => action.toLowerCase()),
  );
});

test('operations and reasons have the same numbers in C and in TypeScript', () => {
  assert.deepEqual(names('event_operation', 'OPERATION_'), [...EVENT_OPERATIONS]);
  assert.deepEqual(names('path_result', 'PATH_').slice(0, PATH_RESULTS.length), ['ok', ...PATH_RESULTS.slice(1)]);
});

test('the limit on events has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('settings'), { ...SETTINGS, 'size of structure': SETTINGS_BYTES });
  assert.deepEqual(types.structure('token_bucket'), { ...TOKEN_BUCKET, 'size of structure': TOKEN_BUCKET_BYTES });
  assert.deepEqual(types.enumeration('event_flag'), {
    EVENT_LAST_TOKEN: FLAGS.lastToken,
    EVENT_OBSERVED: FLAGS.observed,
    EVENT_NOT_OWNER: FLAGS.notOwner,
    EVENT_TERMINAL: FLAGS.terminal,
    EVENT_FROM_OUTSIDE: FLAGS.fromOutside,
    EVENT_OF_SOURCE: FLAGS.ofSource,
  });
});

test('the key of an access has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('access_key'), { ...ACCESS_KEY, 'size of structure': ACCESS_KEY_BYTES });
  assert.deepEqual(types.enumeration('access_limit'), { ACCESS_NONE: Number(ACCESS_NONE), VISIBLE_ACCESSES_MAX });
});

test('a new container has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('new_container'), { ...NEW_CONTAINER, 'size of structure': NEW_CONTAINER_BYTES });
});

test('a held file has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('holding'), { ...HOLDING, 'size of structure': HOLDING_BYTES });
  assert.deepEqual(types.structure('held_key'), { ...HELD_KEY, 'size of structure': HELD_KEY_BYTES });
  assert.deepEqual(names('holding_kind', 'HOLDING_'), [...HOLDING_KINDS]);
});

test('the keys of learnt addresses have the same size in C and in TypeScript', () => {
  const { container, 'size of structure': size } = types.structure('learnt_key');
  assert.deepEqual([container, size], [0, LEARNT_KEY_BYTES]);
  assert.deepEqual(types.structure('learnt_place'), { ...LEARNT_PLACE, 'size of structure': LEARNT_PLACE_BYTES });
});

test('a named device node has the same members at the same offsets in C and in TypeScript', () => {
  assert.deepEqual(types.structure('node_key'), { ...NODE_KEY, 'size of structure': NODE_KEY_BYTES });
  assert.deepEqual(types.structure('node_path'), { ...NODE_PATH, 'size of structure': NODE_PATH_BYTES });
});

test("settings for Hauberk's own objects have the same layout in C and in TypeScript", () => {
  assert.deepEqual(names('own_kind', 'OWN_'), [...OWN_KINDS]);
  assert.deepEqual(types.structure('own_key'), { ...OWN_KEY, 'size of structure': OWN_KEY_BYTES });
  const { kind, descriptor, place, 'size of structure': claimBytes } = types.structure('claim');
  assert.deepEqual({ kind, descriptor, place, claimBytes }, { ...CLAIM, claimBytes: CLAIM_BYTES });
  const { process, start_boottime, 'size of structure': ownerBytes } = types.structure('owner');
  assert.deepEqual({ process, start_boottime, ownerBytes }, { ...OWNER, ownerBytes: OWNER_BYTES });
});

test('there are as many counters in C as in TypeScript', () => {
  const { COUNTERS: count, ...counters } = types.enumeration('counter');
  assert.equal(count, COUNTERS.length);
  assert.equal(counters.COUNTER_DECISIONS, COUNTERS.indexOf('process.Allow'));
  assert.equal(counters.COUNTER_EVENT_SUPPRESSED, COUNTERS.indexOf('dropped.suppressed'));
  assert.equal(counters.COUNTER_EVENT_SPECULATIVE, COUNTERS.indexOf('dropped.speculative'));
  assert.equal(counters.COUNTER_EVENT_NO_BUFFER, COUNTERS.indexOf('dropped.no-buffer'));
  assert.equal(counters.COUNTER_REFUSED, COUNTERS.indexOf('refused.resolved'));
  assert.equal(counters.COUNTER_EVENT_RING_FULL, COUNTERS.indexOf('dropped.ring-full'));
  assert.equal(counters.COUNTER_TASK_STORAGE_FAILED, COUNTERS.indexOf('task-storage-failed'));
  assert.equal(counters.COUNTER_ANSWER_UNREAD, COUNTERS.indexOf('answer-unread'));
});

test('the kernel has room for as many containers as may be registered, and for the host', () => {
  const maxEntries = koffi.load('libbpf.so.1').func('uint32 bpf_map__max_entries(const void *map)');
  const object = checkedPointer('the programs', openObject('build/bpf/hauberk.bpf.o', null));
  for (const name of ['containers', 'container_starts', 'container_roots', 'new_containers', 'token_buckets'])
    assert.equal(maxEntries(checkedPointer(name, findMap(object, name))), CONTAINERS_MAX + 1, name);
  closeObject(object);
});
