import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Automaton } from '../../../src/image/automaton.js';
import { inOrderOfWalks } from '../../../src/image/walk-order.js';
import { finish } from '../../../src/steps.js';

/** State 1 leads to 2 and 3; 2 to 4 and 4 to 6; 3 to 5; every other byte to the dead state. */
const automaton: Automaton = {
  start: 1,
  states: 7,
  defaults: new Int32Array(7),
  firstTransition: Int32Array.of(0, 0, 2, 3, 4, 5, 5, 5),
  bytes: Uint8Array.of(97, 98, 97, 97, 97),
  targets: Int32Array.of(2, 3, 4, 5, 6),
  labels: new Int32Array(7),
};

test('states are ordered breadth-first while there is room, then depth-first', () => {
  const order = (room: number) => finish(inOrderOfWalks(automaton, room, () => 1));
  assert.deepEqual(order(100), { states: [1, 2, 3, 4, 5, 6], ends: [1, 2, 3, 4, 5, 6] });
  assert.deepEqual(order(1), { states: [1, 2, 4, 6, 3, 5], ends: [1, 4, 4, 4, 6, 6] });
  assert.deepEqual(order(0), { states: [1, 2, 4, 6, 3, 5], ends: [6, 4, 4, 4, 6, 6] });
});
