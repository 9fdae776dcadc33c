import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rememberAccess } from '../../../src/events/observed.js';
import { describeObject } from '../../../src/image/describe-object.js';
import { FLAGS } from '../../../src/kernel/event-record.js';
import { AccessMemory } from '../../../src/profile/access-memory.js';
import { accessKey } from '../../../src/profile/observed-access.js';
import { recordOf } from '../../support/event-record.js';

const add = (memory: AccessMemory, id: string, fields: Parameters<typeof recordOf>[0]) =>
  rememberAccess(memory, id, recordOf(fields));
const objectsOf = (memory: AccessMemory, ...ids: string[]) =>
  [...memory.of(new Set(ids))].map(([id, accesses]) => [
    id,
    accesses.map(({ object, count }) => `${describeObject(object)} ${count}`),
  ]);

test('equal accesses are counted for each container', () => {
  const memory = new AccessMemory();
  for (const id of ['a', 'b', 'a']) add(memory, id, { object: '/x' });
  add(memory, 'a', { object: '/y' });
  assert.deepEqual(objectsOf(memory, 'a', 'c'), [['a', ['/x 2', '/y 1']]]);
});

test('without room the oldest are dropped and counted', () => {
  const memory = new AccessMemory(3);
  for (const name of ['1', '2', '3', '1', '4', '5', '6', '7']) add(memory, 'a', { object: name });
  assert.deepEqual(objectsOf(memory, 'a'), [['a', ['5 1', '6 1', '7 1']]]);
  assert.equal(memory.forgotten, 4);
});

test('records are counted together exactly where their accesses differ in nothing but the count', () => {
  const memory = new AccessMemory();
  const variants: readonly Parameters<typeof recordOf>[0][] = [
    {},
    { wanted: 1 << 2 },
    { object: '/etc/group' },
    { program: '/bin/dd' },
    { class: 'process', operation: 'exec', wanted: 1 },
    ...[FLAGS.notOwner, FLAGS.terminal, FLAGS.fromOutside].map((flags) => ({ flags })),
    { flags: FLAGS.fromOutside, object: '/etc/group' },
    { class: 'network', operation: 'resolve', object: 'q.com.example' },
    { class: 'capabilities', operation: 'use', object: 'cab' },
  ];
  const equal: readonly Parameters<typeof recordOf>[0][] = [
    { hostPid: 7, time: 9n, flags: FLAGS.lastToken, parentProgram: '/bin/dash' },
    { flags: FLAGS.fromOutside, program: '/usr/bin/runc' },
    { class: 'capabilities', operation: 'use', object: 'cab', wanted: 1 },
  ];
  for (const fields of [...variants, ...equal]) add(memory, 'a', fields);
  const found = memory.of(new Set(['a'])).get('a')!;
  assert.equal(new Set(found.map(accessKey)).size, variants.length);
  assert.deepEqual([found.length, found.reduce((sum, { count }) => sum + count, 0)], [variants.length, 14]);
});
