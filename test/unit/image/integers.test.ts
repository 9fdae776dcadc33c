import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntBuffer, IntListTable } from '../../../src/image/integers.js';

function bufferOf(values: readonly number[]): IntBuffer {
  const buffer = new IntBuffer();
  for (const value of values) buffer.push(value);
  return buffer;
}

function valuesOf(buffer: IntBuffer): number[] {
  return [...buffer.values.subarray(0, buffer.length)];
}

for (const length of [0, 1, 5, 24, 25, 500]) {
  test(`a buffer sorts ${length} values`, () => {
    const values = Array.from({ length }, (_, index) => (index * 7919) % 101);
    const buffer = bufferOf(values);
    buffer.sort();
    assert.deepEqual(
      valuesOf(buffer),
      [...values].sort((a, b) => a - b),
    );
  });
}

test('a table numbers lists in the order of first appearance', () => {
  const table = new IntListTable();
  const values = Int32Array.of(4, 5, 6);
  assert.equal(table.intern(values, 0, 2), 0);
  assert.equal(table.intern(values, 1, 2), 1);
  assert.equal(table.intern(values, 0, 0), 2);
  assert.equal(table.intern(Int32Array.of(9, 4, 5), 1, 2), 0);
  assert.deepEqual([...table.pool.values.subarray(table.startOf(1), table.startOf(2))], [5, 6]);
});

test('a table that has grown still knows its lists', () => {
  const table = new IntListTable();
  const lists = Array.from({ length: 5000 }, (_, index) => Int32Array.of(index % 70, index));
  const numbers = lists.map((list) => table.intern(list, 0, 2));
  assert.deepEqual(numbers, [...lists.keys()]);
  assert.deepEqual(
    lists.map((list) => table.intern(list, 0, 2)),
    numbers,
  );
  assert.equal(table.size, 5000);
});
