import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { newSeal, type Seal } from '../../../src/store/seal.js';
import { Witness } from '../../../src/store/witness.js';

const SLOT = 512;
const STORE = newSeal(new Map());
const sealOf = (count: number): Seal => ({ ...STORE, count });

function newWitness(t: TestContext): Witness {
  const place = mkdtempSync(join(tmpdir(), 'hauberk-witness-'));
  t.after(() => rmSync(place, { recursive: true }));
  return new Witness(join(place, 'witness'));
}

test('a witness has the newest seal that was written, and the one before it', async (t) => {
  const witness = newWitness(t);
  assert.deepEqual(await witness.read(), { seal: undefined, state: 'absent' });
  for (const count of [3, 4, 5]) {
    await witness.write(sealOf(count));
    assert.deepEqual(await witness.read(), { seal: sealOf(count), state: 'whole' });
  }
  const bytes = readFileSync(witness.path);
  assert.equal(bytes.length, 2 * SLOT);
  // The newest seal is in the second slot; without it the other one is read.
  writeFileSync(witness.path, Buffer.concat([bytes.subarray(0, SLOT), Buffer.alloc(SLOT, 'x')]));
  assert.deepEqual(await witness.read(), { seal: sealOf(4), state: 'damaged' });
  writeFileSync(witness.path, Buffer.concat([Buffer.alloc(SLOT, 'x'), bytes.subarray(SLOT)]));
  assert.deepEqual(await witness.read(), { seal: sealOf(5), state: 'damaged' });
  writeFileSync(
    witness.path,
    bytes.map((byte) => byte ^ 4),
  );
  assert.deepEqual(await witness.read(), { seal: undefined, state: 'damaged' });
});

test('a new witness contains nothing of earlier writes', async (t) => {
  const witness = newWitness(t);
  for (const count of [8, 9]) await witness.write(sealOf(count));
  for (const count of [1, 2]) {
    await witness.begin(sealOf(count));
    assert.deepEqual(await witness.read(), { seal: sealOf(count), state: 'whole' });
  }
  const text = readFileSync(witness.path, 'latin1');
  assert.equal(text.slice(SLOT), ' '.repeat(SLOT));
  await witness.write(sealOf(3));
  assert.deepEqual(await witness.read(), { seal: sealOf(3), state: 'whole' });
});

test('a file of another length, a blank one, or a path that is not a file is damage', async (t) => {
  const witness = newWitness(t);
  await witness.write(sealOf(6));
  const bytes = readFileSync(witness.path);
  for (const other of [bytes.subarray(0, bytes.length - 1), Buffer.concat([bytes, Buffer.from(' ')])]) {
    writeFileSync(witness.path, other);
    assert.deepEqual(await witness.read(), { seal: sealOf(6), state: 'damaged' });
  }
  writeFileSync(witness.path, Buffer.alloc(2 * SLOT, ' '));
  assert.deepEqual(await witness.read(), { seal: undefined, state: 'damaged' });
  rmSync(witness.path);
  mkdirSync(witness.path);
  assert.deepEqual(await witness.read(), { seal: undefined, state: 'damaged' });
  await assert.rejects(witness.write(sealOf(7)), {
    code: 'unavailable',
    message: `cannot write to ${witness.directory}: illegal operation on a directory`,
  });
});

test('a witness in a path that is not a directory is absent, and cannot be written', async (t) => {
  const witness = newWitness(t);
  writeFileSync(witness.directory, '');
  assert.deepEqual(await witness.read(), { seal: undefined, state: 'absent' });
  await assert.rejects(witness.begin(sealOf(1)), { code: 'unavailable' });
});

test('only the owner may read a witness', async (t) => {
  const witness = newWitness(t);
  await witness.begin(sealOf(0));
  assert.deepEqual(
    [witness.directory, witness.path].map((path) => statSync(path).mode & 0o777),
    [0o700, 0o600],
  );
});
