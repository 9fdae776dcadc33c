import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect, lossOf, SEAL, UNDO } from '../../../src/store/inspection.js';
import { encodeRecord } from '../../../src/store/record.js';
import { newSeal, nextSeal, type Seal } from '../../../src/store/seal.js';
import type { Testimony } from '../../../src/store/witness.js';

const records = (...values: string[]) => new Map(values.map((value) => [value, encodeRecord(value)]));
const witnessed = (seal: Seal) => ({ state: 'whole', seal }) as unknown as Testimony;
const ABSENT = { state: 'absent' } as unknown as Testimony;
const DAMAGED = { state: 'damaged' } as unknown as Testimony;

function judged(found: ReadonlyMap<string, string>, testimony: Testimony, newestImage = 0, lastImage = 0) {
  return inspect(found, { testimony, newestImage }, () => lastImage);
}

/** A store after two writes, with the seal of each. */
async function written() {
  const none = newSeal(new Map());
  const one = await nextSeal(none, records('a'), new Map());
  const two = await nextSeal(one, records('b'), new Map());
  const undo = encodeRecord({ version: 1, count: 2, previous: [['b', null]] });
  const found = new Map([...records('a', 'b'), [SEAL, encodeRecord(two)], [UNDO, undo]]);
  return { none, one, two, found };
}

test('a store as it was acknowledged is intact', async () => {
  const { two, found } = await written();
  const { damage, remarks, seal, undo, records: kept } = judged(found, witnessed(two));
  assert.deepEqual([damage, remarks, seal, undo], [[], [], two, undefined]);
  assert.deepEqual(kept, records('a', 'b'));
});

test('a write that is not in the witness was not acknowledged and is undone', async () => {
  const { one, found } = await written();
  const { damage, remarks, seal, undo, records: kept } = judged(found, witnessed(one));
  assert.deepEqual([damage, remarks], [[], ['its last write had not been acknowledged and is undone']]);
  assert.deepEqual([seal, kept, undo], [one, records('a'), new Map([['b', undefined]])]);
});

test('a write that cannot be undone is damage', async () => {
  const { one, found } = await written();
  const damageWith = (undo?: unknown) => {
    const changed = new Map(found);
    if (undo === undefined) changed.delete(UNDO);
    else changed.set(UNDO, encodeRecord(undo));
    const { damage, undo: left } = judged(changed, witnessed(one));
    assert.equal(left === undefined, damage.length > 0);
    return damage;
  };
  const whole = { version: 1, count: 2, previous: [['b', null]] };
  assert.deepEqual(damageWith(whole), []);
  for (const undo of [
    undefined,
    null,
    'text',
    { ...whole, version: 2 },
    { ...whole, count: 1 },
    { ...whole, count: 1.5 },
    { ...whole, previous: 'b' },
    { ...whole, previous: ['b'] },
    { ...whole, previous: [[1, null]] },
    { ...whole, previous: [['b', 7]] },
    // Belongs to other records.
    { ...whole, previous: [['a', null]] },
  ])
    assert.deepEqual(damageWith(undo), ['its last write cannot be undone'], JSON.stringify(undo));
});

test('fewer writes than in the witness, or other writes, are damage', async () => {
  const { one, two, found } = await written();
  const early = new Map([...records('a'), [SEAL, encodeRecord(one)]]);
  assert.deepEqual(judged(early, witnessed(two)).damage, [
    'the last 1 of the 2 writes that were acknowledged are missing',
  ]);
  assert.deepEqual(judged(found, witnessed({ ...two, chain: 'f'.repeat(32) })).damage, [
    'its writes differ from those that its witness recorded',
  ]);
  assert.deepEqual(judged(found, witnessed({ ...two, store: 'another' })).damage, [
    'its witness belongs to another store',
  ]);
  assert.deepEqual(judged(found, witnessed({ ...one, chain: 'f'.repeat(32) })).damage, []);
});

test('missing or damaged records are damage, and damaged ones are named', async () => {
  const { two, found } = await written();
  const missing = new Map(found);
  missing.delete('b');
  assert.deepEqual(judged(missing, witnessed(two)).damage, ['records are missing, or are not the last ones']);
  const damaged = new Map(found);
  for (let number = 0; number < 11; number++) damaged.set(`x${number}`, 'no record');
  const { damage, records: kept } = judged(damaged, witnessed(two));
  const named = Array.from({ length: 10 }, (_, number) => `x${number}`).join(', ');
  assert.deepEqual(damage, [`records are damaged: ${named} and 1 more`]);
  assert.deepEqual(kept, records('a', 'b'));
});

test('a missing or damaged witness is written again, and so is one that is older by more than a write', async () => {
  const { none, found, two } = await written();
  assert.deepEqual(judged(found, ABSENT).remarks, ['its witness was gone and is written again']);
  assert.deepEqual(judged(found, DAMAGED).remarks, ['its witness was damaged and is written again']);
  const older = judged(found, witnessed(none));
  assert.deepEqual(
    [older.damage, older.remarks, older.seal],
    [[], ['its witness was older than the store, and is written again'], two],
  );
});

test('a store without a seal is intact only if nothing shows that it was written to', async () => {
  const { two } = await written();
  const found = records('a');
  assert.deepEqual([judged(found, ABSENT).damage, judged(found, ABSENT).seal], [[], undefined]);
  assert.deepEqual(judged(found, witnessed(two)).damage, ['all of the 2 writes that were acknowledged are missing']);
  assert.deepEqual(judged(found, DAMAGED).damage, ['it is gone, and its witness is damaged']);
  // It was created, and not written to since.
  const begun = newSeal(found);
  assert.deepEqual([judged(found, witnessed(begun)).damage, judged(found, witnessed(begun)).seal], [[], begun]);
  assert.deepEqual(judged(records('a', 'b'), witnessed(begun)).damage, [
    'all of the 0 writes that were acknowledged are missing',
  ]);
  const unknown = new Map([...found, [SEAL, encodeRecord({ version: 9 })]]);
  assert.deepEqual(judged(unknown, witnessed(two)).damage, ['its seal is of a version that is not known']);
});

test('an image in the kernel that is not in the store shows that writes are missing', async () => {
  const { two, found } = await written();
  assert.deepEqual(judged(found, witnessed(two), 5, 5).damage, []);
  assert.deepEqual(judged(found, witnessed(two), 6, 5).damage, [
    'the kernel decides by policy image 6, and the store knows of none after 5',
  ]);
});

test('the number of lost writes is reported', async () => {
  const { one, two } = await written();
  assert.equal(lossOf(undefined), 'it is gone, and its witness is damaged');
  assert.equal(lossOf(two), 'all of the 2 writes that were acknowledged are missing');
  assert.equal(lossOf(two, one), 'the last 1 of the 2 writes that were acknowledged are missing');
});
