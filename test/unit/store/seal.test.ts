import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSeal, isSealOf, newSeal, nextSeal, type Seal } from '../../../src/store/seal.js';

const RECORDS = new Map([
  ['a', 'one'],
  ['b', 'two'],
]);

test('a seal covers exactly the existing records, in any order', () => {
  const seal = newSeal(RECORDS);
  assert.equal(seal.count, 0);
  assert.match(seal.sum, /^[0-9a-f]{32}$/u);
  assert.equal(isSealOf(seal, new Map([...RECORDS].reverse())), true);
  assert.equal(isSealOf(seal, new Map([['a', 'one']])), false);
  assert.equal(isSealOf(seal, new Map([...RECORDS, ['c', 'x']])), false);
  assert.equal(isSealOf(seal, new Map([...RECORDS, ['b', 'other']])), false);
  assert.equal(isSealOf({ ...seal, records: 3 }, RECORDS), false);
  assert.notEqual(newSeal(RECORDS).store, seal.store);
});

test('after a write the seal covers the new records, and all earlier writes', async () => {
  const first = newSeal(RECORDS);
  const batch = new Map([
    ['a', undefined],
    ['b', 'changed'],
    ['c', 'three'],
    ['none', undefined],
  ]);
  const second = await nextSeal(first, batch, RECORDS);
  const after = new Map([
    ['b', 'changed'],
    ['c', 'three'],
  ]);
  assert.equal(isSealOf(second, after), true);
  assert.deepEqual([second.count, second.store, second.before], [1, first.store, '']);
  const third = await nextSeal(second, new Map([['b', undefined]]), after);
  assert.deepEqual([third.count, third.records, third.before], [2, 1, second.chain]);
  // The same records after other writes have another history.
  const other = await nextSeal(await nextSeal(first, new Map(), RECORDS), new Map(), RECORDS);
  assert.notEqual(other.chain, third.chain);
  assert.match(third.chain, /^[0-9a-f]{32}$/u);
});

test('a value with a missing or an additional part is not a seal', () => {
  const seal: Seal = newSeal(RECORDS);
  assert.equal(isSeal(seal), true);
  for (const name of Object.keys(seal) as (keyof Seal)[]) {
    const { [name]: _, ...rest } = seal;
    assert.equal(isSeal(rest), false, `without ${name}`);
    assert.equal(isSeal({ ...seal, [name]: typeof seal[name] === 'string' ? 1 : 'x' }), false, `another ${name}`);
  }
  for (const value of [undefined, null, 7, 'seal']) assert.equal(isSeal(value), false);
  assert.equal(isSeal({ ...seal, sum: 'xyz' }), false);
  assert.equal(isSeal({ ...seal, count: 1.5 }), false);
  assert.equal(isSeal({ ...seal, version: 2 }), false);
});
