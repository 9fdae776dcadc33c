import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Automaton } from '../../../src/image/automaton.js';
import { minimize } from '../../../src/image/minimize.js';
import { coarsestPartition } from '../../../src/image/partition.js';
import { finish } from '../../../src/steps.js';
import { automatonOf } from './automata.js';

const partitionOf = (automaton: Automaton) => finish(coarsestPartition(automaton));
const minimalOf = (automaton: Automaton) => finish(minimize(automaton));

test('states are merged whichever of their targets is the default', () => {
  const most = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [index + 1, 3]));
  const others = Object.fromEntries(Array.from({ length: 55 }, (_, index) => [index + 201, 4]));
  const automaton = automatonOf(
    [
      { label: 0, byDefault: 0 },
      { label: 0, byDefault: 4, transitions: most },
      { label: 0, byDefault: 3, transitions: others },
      { label: 1, byDefault: 0 },
      { label: 2, byDefault: 0 },
      { label: 0, byDefault: 1, transitions: { 97: 2 } },
    ],
    5,
  );
  const blockOf = partitionOf(automaton);
  assert.equal(blockOf[1], blockOf[2]);
  assert.equal(new Set(blockOf).size, 5);
});

test('states of a cycle from which all paths mean the same are merged into one with a loop', () => {
  const blockOf = partitionOf(
    automatonOf(
      [
        { label: 0, byDefault: 0 },
        { label: 1, byDefault: 1 },
        { label: 1, byDefault: 3, transitions: { 47: 1 } },
        { label: 1, byDefault: 2 },
        { label: 0, byDefault: 5 },
        { label: 0, byDefault: 4 },
        { label: 0, byDefault: 6, transitions: { 97: 2 } },
        { label: 0, byDefault: 0, transitions: { 97: 3 } },
        { label: 0, byDefault: 0, transitions: { 97: 1 } },
      ],
      6,
    ),
  );
  assert.equal(blockOf[2], blockOf[1]);
  assert.equal(blockOf[3], blockOf[1]);
  assert.equal(blockOf[4], blockOf[0]);
  assert.equal(blockOf[5], blockOf[0]);
  assert.equal(blockOf[7], blockOf[8]);
  assert.notEqual(blockOf[6], blockOf[7]);
});

test('a default that no byte follows distinguishes nothing', () => {
  const all = Object.fromEntries(Array.from({ length: 255 }, (_, index) => [index + 1, 3]));
  const blockOf = partitionOf(
    automatonOf(
      [
        { label: 0, byDefault: 0 },
        { label: 0, byDefault: 0, transitions: all },
        { label: 0, byDefault: 2, transitions: all },
        { label: 1, byDefault: 0 },
      ],
      1,
    ),
  );
  assert.equal(blockOf[1], blockOf[2]);
});

test('states that differ only far along are kept apart', () => {
  const chain = Array.from({ length: 100 }, (_, index) => ({
    label: index === 99 ? 1 : 0,
    byDefault: index === 0 || index === 99 ? 0 : index + 1,
  }));
  assert.equal(new Set(partitionOf(automatonOf(chain, 1))).size, 100);
});

test('loops that are entered at different states are merged', () => {
  const loop = [2, 3, 1].map((byDefault) => ({ label: 1, byDefault }));
  const minimal = minimalOf(automatonOf([{ label: 0, byDefault: 0 }, ...loop], 2));
  assert.deepEqual([minimal.states, minimal.start, minimal.defaults[1]], [2, 1, 1]);
});

test('states without a way to acceptance are the dead state', () => {
  const minimal = minimalOf(
    automatonOf(
      [
        { label: 0, byDefault: 0 },
        { label: 0, byDefault: 2, transitions: { 98: 3 } },
        { label: 0, byDefault: 2 },
        { label: 1, byDefault: 0 },
      ],
      1,
    ),
  );
  assert.deepEqual(
    [minimal.states, [...minimal.defaults], [...minimal.bytes], [...minimal.targets]],
    [3, [0, 0, 0], [98], [2]],
  );
});

test('the default is the target of most bytes', () => {
  const most = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [index + 1, 2]));
  const minimal = minimalOf(
    automatonOf(
      [
        { label: 0, byDefault: 0 },
        { label: 0, byDefault: 0, transitions: most },
        { label: 1, byDefault: 0 },
      ],
      1,
    ),
  );
  assert.equal(minimal.defaults[1], 2);
  assert.deepEqual(
    [...minimal.bytes],
    [...Array(55).keys()].map((index) => index + 201),
  );
  assert(minimal.targets.every((target) => target === 0));
});

test('unreachable states are removed', () => {
  const minimal = minimalOf(
    automatonOf(
      [
        { label: 0, byDefault: 0 },
        { label: 1, byDefault: 0 },
        { label: 2, byDefault: 1 },
      ],
      1,
    ),
  );
  assert.equal(minimal.states, 2);
});
