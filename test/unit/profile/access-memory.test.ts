import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observedAccess } from '../../../src/events/observed.js';
import { AccessMemory } from '../../../src/profile/access-memory.js';
import { recordOf } from '../../support/event-record.js';

const access = (object: string) => observedAccess(recordOf({ object }));
const objectsOf = (memory: AccessMemory, ...ids: string[]) =>
  [...memory.of(new Set(ids))].map(([id, accesses]) => [id, accesses.map(({ object, count }) => `${object} ${count}`)]);

test('equal accesses are counted for each container', () => {
  const memory = new AccessMemory();
  for (const id of ['a', 'b', 'a']) memory.add(id, access('/x'));
  memory.add('a', access('/y'));
  assert.deepEqual(objectsOf(memory, 'a', 'c'), [['a', ['/x 2', '/y 1']]]);
});

test('without room the oldest are dropped and counted', () => {
  const memory = new AccessMemory(3);
  for (const name of ['1', '2', '3', '1', '4', '5', '6', '7']) memory.add('a', access(name));
  assert.deepEqual(objectsOf(memory, 'a'), [['a', ['5 1', '6 1', '7 1']]]);
  assert.equal(memory.forgotten, 4);
});
