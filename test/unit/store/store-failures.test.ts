import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { Store, type StoredPolicy } from '../../../src/store/store.js';

const NO_ROOM = Object.assign(new Error('batch failed'), {
  cause: new Error('IO error: /store/000003.log: No space left on device'),
});
const batchOfLevel = ClassicLevel.prototype.batch;

const policy = (name: string): StoredPolicy => ({
  policy: { name, namespace: 'default', matchLabels: { app: 'a' }, rules: [] },
  version: 1,
});

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-failures-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state');
}

async function opened(directory: string, newestImage = 0) {
  const store = await Store.open(directory);
  const loaded = await store.load(newestImage);
  const names = loaded.policies.map((each) => each.policy.name).sort();
  return { store, loaded, names };
}

/** The findings of a daemon that would start now. */
async function found(directory: string, newestImage = 0) {
  const { store, loaded, names } = await opened(directory, newestImage);
  await store.close();
  return { ...loaded, names };
}

/** Makes every write fail, before or after it is done. */
function failWrites(t: TestContext, isMade = false) {
  return t.mock.method(ClassicLevel.prototype, 'batch', async function (this: ClassicLevel, ...args: never) {
    if (isMade) await batchOfLevel.apply(this, args);
    throw NO_ROOM;
  });
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, 'it did not come');
    await setImmediate();
  }
}

test('a failure to write is reported once, and so is the recovery by a later attempt', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  const reported: (string | undefined)[] = [];
  store.onStatus = () => reported.push(store.problem?.message);
  await store.commit({ putPolicies: [policy('a')] });
  assert.deepEqual([reported, store.problem], [[], undefined]);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const batch = failWrites(t);
  const message = `cannot write to ${directory}: no space left on device`;
  for (const name of ['b', 'c'])
    await assert.rejects(store.commit({ putPolicies: [policy(name)] }), { code: 'resource-exhausted', message });
  assert.deepEqual(reported, [message]);
  batch.mock.restore();
  const attempts = t.mock.method(ClassicLevel.prototype, 'batch');
  t.mock.timers.tick(1000);
  await until(() => store.problem === undefined);
  assert.deepEqual(reported, [message, undefined]);
  const made = attempts.mock.callCount();
  assert.ok(made > 0);
  t.mock.timers.tick(10_000);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(attempts.mock.callCount(), made, 'there are no further attempts');
  await store.commit({ putPolicies: [policy('d')] });
  await store.close();
  const { names, damage, remarks } = await found(directory);
  assert.deepEqual([names, damage, remarks], [['a', 'd'], [], []]);
});

test('a refused change is not there after a restart, even if it had reached the disk', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  await store.commit({ putPolicies: [policy('a')], revision: 1 });
  const batch = failWrites(t, true);
  await assert.rejects(store.commit({ putPolicies: [policy('b')], deletePolicies: ['default/a'], revision: 2 }));
  batch.mock.restore();
  await store.close();
  const { names, revision, damage, remarks } = await found(directory);
  assert.deepEqual(
    [names, revision, damage, remarks],
    [['a'], 1, [], ['its last write had not been acknowledged and is undone']],
  );
});

test('a refused change is undone by the next successful one', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  await store.commit({ putPolicies: [policy('a')] });
  const batch = failWrites(t, true);
  await assert.rejects(store.commit({ putPolicies: [policy('b')], deletePolicies: ['default/a'] }));
  batch.mock.restore();
  await store.commit({ putPolicies: [policy('c')] });
  assert.deepEqual((await store.load()).policies.map((each) => each.policy.name).sort(), ['a', 'c']);
  await store.close();
  const { names, damage, remarks } = await found(directory);
  assert.deepEqual([names, damage, remarks], [['a', 'c'], [], []]);
});

test('a change whose witness cannot be written is refused and undone', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  await store.commit({ putPolicies: [policy('a')] });
  const witness = join(`${directory}-witness`, 'acknowledged');
  const text = readFileSync(witness);
  rmSync(witness);
  mkdirSync(witness);
  await assert.rejects(store.commit({ putPolicies: [policy('b')] }), {
    code: 'unavailable',
    message: `cannot write to ${directory}-witness: illegal operation on a directory`,
  });
  rmSync(witness, { recursive: true });
  writeFileSync(witness, text);
  await store.commit({ putPolicies: [policy('c')] });
  await store.close();
  const { names, damage, remarks } = await found(directory);
  assert.deepEqual([names, damage, remarks], [['a', 'c'], [], []]);
});

test('a store is not created without space for its first witness', async (t) => {
  const directory = newDirectory(t);
  const handle = await open(tmpdir());
  const sync = t.mock.method(Object.getPrototypeOf(handle), 'sync', async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' });
  });
  await handle.close();
  const store = await Store.open(directory);
  await assert.rejects(store.load(), {
    code: 'resource-exhausted',
    message: `cannot write to ${directory}-witness: no space left on device`,
  });
  sync.mock.restore();
  await store.close();
});

test('closing waits for the change in progress, and nothing can be written afterwards', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  const change = store.commit({ putPolicies: [policy('a')] });
  await store.close();
  await change;
  const timers = t.mock.method(globalThis, 'setTimeout');
  await assert.rejects(store.commit({ putPolicies: [policy('b')] }), { code: 'unavailable' });
  assert.equal(timers.mock.callCount(), 0, 'there is no retry');
  assert.deepEqual((await found(directory)).names, ['a']);
});

test('after closing no earlier failure is retried', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const batch = failWrites(t);
  await assert.rejects(store.commit({ putPolicies: [policy('a')] }));
  batch.mock.restore();
  await store.close();
  const opens = t.mock.method(ClassicLevel.prototype, 'open');
  t.mock.timers.tick(1000);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(opens.mock.callCount(), 0);
  assert.deepEqual((await found(directory)).names, []);
});

test('a store can be loaded before its first change, and later with its current contents', async (t) => {
  const directory = newDirectory(t);
  const store = await Store.open(directory);
  await store.commit({ putPolicies: [policy('a')], revision: 1 });
  await store.commit({ putPolicies: [policy('b')], revision: 2, hostLabels: { zone: 'a' }, keepsUnknown: true });
  const { policies, revision, hostLabels, keepsUnknown, damage, remarks } = await store.load();
  assert.deepEqual([policies.length, revision, hostLabels, keepsUnknown], [2, 2, { zone: 'a' }, true]);
  assert.deepEqual([damage, remarks], [[], []]);
  await store.close();
});

test('a damaged store that cannot be replaced stays unchanged', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  for (const name of ['a', 'b', 'c']) await store.commit({ putPolicies: [policy(name)] });
  await store.close();
  const newest = 40;
  const { store: damaged, names } = await opened(directory, newest);
  assert.deepEqual(names, ['a', 'b', 'c']);
  const { damage } = damaged;
  assert.equal(damage.length, 1);
  const batch = failWrites(t);
  await assert.rejects(damaged.discardDamage(), { code: 'resource-exhausted' });
  batch.mock.restore();
  assert.deepEqual([damaged.damage, damaged.problem?.code], [damage, 'unavailable']);
  assert.deepEqual(readdirSync(directory), ['store']);
  let reported = 0;
  damaged.onStatus = () => reported++;
  const aside = await damaged.discardDamage();
  assert.deepEqual([reported, damaged.damage, damaged.problem], [1, [], undefined]);
  assert.match(aside!, /\/store\.damaged-[-0-9TZ]+$/u);
  assert.ok(existsSync(aside!));
  await damaged.close();
  // The witness no longer refers to the earlier store, which had more writes.
  const after = await found(directory, newest);
  assert.deepEqual([after.names, after.damage, after.remarks], [['a', 'b', 'c'], [], []]);
});

test('if everything is missing, revisions and image ids continue after earlier ones, and no copy is made', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  for (let revision = 1; revision <= 5; revision++) await store.commit({ revision });
  await store.close();
  rmSync(directory, { recursive: true });
  const { store: gone, loaded } = await opened(directory, 40);
  assert.deepEqual([loaded.revision, loaded.lastImage, existsSync(directory)], [5, 40, true]);
  assert.equal(await gone.discardDamage(), undefined);
  await gone.close();
  assert.deepEqual((await found(directory, 40)).damage, []);
});

test('files of a store without its index are damage, and so is a store with unreadable records', async (t) => {
  const directory = newDirectory(t);
  const { store } = await opened(directory);
  await store.commit({ putPolicies: [policy('a')] });
  await store.close();
  const iterator = t.mock.method(ClassicLevel.prototype, 'iterator', () => {
    throw new Error('Corruption: bad block');
  });
  assert.deepEqual((await found(directory)).damage, ['Corruption: bad block']);
  iterator.mock.restore();
  rmSync(join(directory, 'store', 'CURRENT'));
  assert.deepEqual((await found(directory)).damage, ['its files are there, but not the index of them']);
});

test('a path that is not a directory is refused with the reason', async (t) => {
  const directory = newDirectory(t);
  writeFileSync(directory, '');
  await assert.rejects(Store.open(directory), {
    code: 'failed-precondition',
    message: new RegExp(`^cannot open the state in ${directory}: EEXIST`, 'u'),
  });
});
