import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Store, type StoredPolicy } from '../../../src/store/store.js';

const POLICIES = 12;
const policy = (name: string): StoredPolicy => ({
  policy: { name, namespace: 'default', matchLabels: { app: 'a' }, rules: [] },
  version: 1,
});

/** A directory with a store of some acknowledged changes, and its witness. */
async function written(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-damage-'));
  const store = await Store.open(join(directory, 'state'));
  await store.load();
  for (let number = 1; number <= POLICIES; number++) {
    await store.commit({ putPolicies: [policy(`p${number}`)], revision: number, lastImage: number });
  }
  await store.close();
  return directory;
}

function copyOf(directory: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'hauberk-damaged-'));
  cpSync(directory, copy, { recursive: true });
  return copy;
}

interface Found {
  readonly damage: readonly string[];
  readonly policies: number;
}

/** Opens the store in a directory, and again, with the same findings. */
async function found(directory: string, newestImage = 0, starts = 2): Promise<Found> {
  let before: Found | undefined;
  for (let start = 0; start < starts; start++) {
    const store = await Store.open(join(directory, 'state'));
    const { damage, policies } = await store.load(newestImage);
    if (damage.length > 0)
      await assert.rejects(store.commit({ revision: 99 }), {
        code: 'unavailable',
        message: /hauberk restore FILE.*--discard-damaged/,
      });
    await store.close();
    const now = { damage, policies: policies.length };
    if (before !== undefined) assert.equal(now.damage.length > 0, before.damage.length > 0, now.damage.join());
    before = now;
  }
  return before!;
}

/** Asserts that either everything is read or the damage is reported. */
async function checkNoticed(directory: string, what: string): Promise<boolean> {
  const { damage, policies } = await found(directory, 0, 1);
  assert.ok(damage.length > 0 || policies === POLICIES, `${what}: ${policies} policies and no damage`);
  rmSync(directory, { recursive: true });
  return damage.length > 0;
}

const filesIn = (directory: string) => readdirSync(join(directory, 'state', 'store')).filter((name) => name !== 'LOCK');

test('a flipped bit anywhere in a file of the store is detected or has no effect', async () => {
  const directory = await written();
  let noticed = 0;
  for (const name of filesIn(directory)) {
    const bytes = readFileSync(join(directory, 'state', 'store', name));
    const step = Math.max(1, Math.floor(bytes.length / 12));
    for (let position = 0; position < bytes.length; position += step) {
      const copy = copyOf(directory);
      const flipped = Buffer.from(bytes);
      flipped[position]! ^= 1 << (position % 8);
      writeFileSync(join(copy, 'state', 'store', name), flipped);
      if (await checkNoticed(copy, `${name} at ${position}`)) noticed++;
    }
  }
  assert.ok(noticed > 12, `${noticed}`);
});

test('a truncated, emptied or removed file of the store is detected or has no effect', async () => {
  const directory = await written();
  for (const name of filesIn(directory)) {
    const file = (copy: string) => join(copy, 'state', 'store', name);
    const { length } = readFileSync(file(directory));
    for (const size of [0, 1, Math.floor(length / 2), Math.max(0, length - 1)]) {
      const copy = copyOf(directory);
      truncateSync(file(copy), size);
      await checkNoticed(copy, `${name} cut to ${size}`);
    }
    const copy = copyOf(directory);
    rmSync(file(copy));
    await checkNoticed(copy, `${name} removed`);
  }
});

test('missing data is detected by the witness, also if the whole directory is missing', async () => {
  const directory = await written();
  const log = filesIn(directory).find(
    (name) => name.endsWith('.log') && readFileSync(join(directory, 'state', 'store', name)).length > 0,
  )!;
  for (const gone of [`state/store/${log}`, 'state/store/CURRENT', 'state/store', 'state']) {
    const copy = copyOf(directory);
    rmSync(join(copy, gone), { recursive: true });
    const { damage } = await found(copy);
    assert.match(damage.join(), /\S/, gone);
  }
  const copy = copyOf(directory);
  rmSync(join(copy, 'state'), { recursive: true });
  assert.deepEqual((await found(copy)).damage, [`all of the ${POLICIES} writes that were acknowledged are missing`]);
  assert.equal(existsSync(join(copy, 'state')), true);
});

test('an older copy of the store is detected', async () => {
  const directory = await written();
  const older = copyOf(directory);
  const store = await Store.open(join(directory, 'state'));
  await store.load();
  await store.commit({ deletePolicies: ['default/p1'] });
  await store.close();
  rmSync(join(directory, 'state'), { recursive: true });
  cpSync(join(older, 'state'), join(directory, 'state'), { recursive: true });
  const missing = [`the last 1 of the ${POLICIES + 1} writes that were acknowledged are missing`];
  assert.deepEqual((await found(directory)).damage, missing);
  const another = await written();
  rmSync(join(directory, 'state'), { recursive: true });
  cpSync(join(another, 'state'), join(directory, 'state'), { recursive: true });
  assert.deepEqual((await found(directory)).damage, ['its witness belongs to another store']);
});

test('images in the kernel that are newer than the store show that writes are missing', async () => {
  const directory = await written();
  assert.deepEqual((await found(directory, POLICIES)).damage, []);
  const newer = POLICIES + 1;
  const what = (last: number) => [
    `the kernel decides by policy image ${newer}, and the store knows of none after ${last}`,
  ];
  assert.deepEqual((await found(directory, newer)).damage, what(POLICIES));
  rmSync(directory, { recursive: true });
  assert.deepEqual((await found(directory, newer)).damage, what(0));
});

test('a start without store, witness and images in the kernel is a fresh install', async () => {
  const directory = await written();
  rmSync(directory, { recursive: true });
  assert.deepEqual(await found(directory), { damage: [], policies: 0 });
});

test('a missing, damaged or older witness is reported and written again, and the store continues', async () => {
  const directory = await written();
  const path = (copy: string) => join(copy, 'state-witness', 'acknowledged');
  const older = readFileSync(path(directory));
  const spoil: [what: RegExp, spoil: (copy: string) => void][] = [
    [/gone/, (copy) => rmSync(join(copy, 'state-witness'), { recursive: true })],
    [/damaged/, (copy) => writeFileSync(path(copy), '')],
    [/damaged/, (copy) => writeFileSync(path(copy), Buffer.from(older.map((byte) => byte ^ 4)))],
  ];
  for (const [what, spoilIt] of spoil) {
    const copy = copyOf(directory);
    spoilIt(copy);
    const store = await Store.open(join(copy, 'state'));
    const { damage, remarks, policies } = await store.load();
    assert.deepEqual([damage, policies.length], [[], POLICIES]);
    assert.match(remarks.join(), what);
    await store.close();
    const again = await Store.open(join(copy, 'state'));
    assert.deepEqual((await again.load()).remarks, []);
    await again.commit({ revision: 50 });
    await again.close();
    rmSync(join(copy, 'state'), { recursive: true });
    assert.equal((await found(copy)).damage.length, 1);
  }
});

test('a store whose first write was never completed is created without a report', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-begun-'));
  for (let start = 0; start < 2; start++) {
    const store = await Store.open(join(directory, 'state'));
    const { damage, remarks } = await store.load();
    assert.deepEqual([damage, remarks], [[], []]);
    await store.close();
  }
  rmSync(join(directory, 'state'), { recursive: true });
  assert.deepEqual(await found(directory), { damage: [], policies: 0 });
});

test('if no witness can be kept that is reported, and the store is written all the same', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-alone-'));
  writeFileSync(join(directory, 'file'), '');
  for (const revision of [0, 7]) {
    const store = await Store.open(join(directory, 'state'), join(directory, 'file', 'witness'));
    const loaded = await store.load();
    assert.deepEqual([loaded.damage, loaded.revision], [[], revision]);
    assert.match(store.witnessProblem!, /^no witness of the stored state is kept: cannot write to .*not a directory/);
    await store.commit({ revision: 7 });
    await store.close();
  }
});

test('a flipped bit in the witness loses no acknowledged change', async () => {
  const directory = await written();
  const bytes = readFileSync(join(directory, 'state-witness', 'acknowledged'));
  for (let position = 0; position < bytes.length; position += 101) {
    const copy = copyOf(directory);
    const flipped = Buffer.from(bytes);
    flipped[position]! ^= 2;
    writeFileSync(join(copy, 'state-witness', 'acknowledged'), flipped);
    assert.deepEqual(await found(copy, 0, 1), { damage: [], policies: POLICIES }, `at ${position}`);
    rmSync(copy, { recursive: true });
  }
});

test('a write that is not in the witness was not acknowledged and is undone', async () => {
  const directory = await written();
  const witness = readFileSync(join(directory, 'state-witness', 'acknowledged'));
  const store = await Store.open(join(directory, 'state'));
  await store.load();
  await store.commit({ putPolicies: [policy('late')], deletePolicies: ['default/p1'], revision: 70 });
  await store.close();
  writeFileSync(join(directory, 'state-witness', 'acknowledged'), witness);
  for (let start = 0; start < 2; start++) {
    const again = await Store.open(join(directory, 'state'));
    const { damage, policies, revision, remarks } = await again.load();
    assert.deepEqual([damage, revision, remarks.length], [[], POLICIES, start === 0 ? 1 : 0]);
    const names = policies.map(({ policy: { name } }) => name);
    assert.ok(names.includes('p1') && !names.includes('late'), names.join());
    await again.close();
  }
});

test('discarding damage keeps the readable records of the store, and a copy of its files', async () => {
  const directory = await written();
  rmSync(join(directory, 'state-witness', 'acknowledged'));
  const store = await Store.open(join(directory, 'state'));
  assert.equal((await store.load(40)).damage.length, 1);
  const aside = await store.discardDamage();
  assert.ok(existsSync(join(aside!, 'CURRENT')));
  assert.equal(store.problem, undefined);
  await store.commit({ putPolicies: [policy('new')] });
  await store.close();
  const again = await Store.open(join(directory, 'state'));
  const { damage, policies, lastImage, keepsUnknown } = await again.load(40);
  assert.deepEqual([damage, policies.length, lastImage, keepsUnknown], [[], POLICIES + 1, 40, true]);
  await again.close();
});

test('a damaged store can be replaced with other policies, and keeps its containers', async () => {
  const directory = await written();
  rmSync(join(directory, 'state-witness'), { recursive: true });
  const store = await Store.open(join(directory, 'state'));
  await store.load(40);
  await store.commit({ isAnew: true, putPolicies: [policy('restored')], revision: 80 });
  assert.deepEqual(store.damage, []);
  await store.close();
  const again = await Store.open(join(directory, 'state'));
  const { damage, policies, revision } = await again.load(40);
  assert.deepEqual([damage, policies.map(({ policy: { name } }) => name), revision], [[], ['restored'], 80]);
  await again.close();
});

test('an intact record of an unknown form counts as damage', async () => {
  const directory = await written();
  const store = await Store.open(join(directory, 'state'));
  await store.load();
  await store.commit({ putPolicies: [{ ...policy('odd'), version: 'x' as unknown as number }] });
  await store.close();
  assert.deepEqual((await found(directory)).damage, ['the form of records is not known: policy/default/odd']);
});
