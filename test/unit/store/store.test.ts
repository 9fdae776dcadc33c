import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import type { Container } from '../../../src/containers/container.js';
import { Failure } from '../../../src/failure.js';
import { type VisibilitySetting, visibilityKey } from '../../../src/policy/visibility.js';
import type { Profile } from '../../../src/profile/profile.js';
import { Store, type StoredAccess, type StoredPolicy, type StoredProfiled } from '../../../src/store/store.js';

const newDirectory = () => join(mkdtempSync(join(tmpdir(), 'hauberk-store-')), 'state');
const policy = (name: string): StoredPolicy => ({
  policy: { name, namespace: 'default', matchLabels: { app: 'a' }, rules: [] },
  version: 7,
});
const posture = (namespace: string) => ({ namespace, postures: { file: 'block' } }) as const;
const container: Container = {
  id: 'c1',
  name: 'c1',
  namespace: 'default',
  labels: { app: 'a' },
  origin: 'registered',
  namespaces: { pidNamespace: 1, mountNamespace: 2 },
  process: { pid: 7, startTicks: 9 },
  links: { '/bin': '/usr/bin' },
};
const profile = (name: string, started: number): Profile => ({
  name,
  subject: { kind: 'container', id: 'c1' },
  started,
});
const profiled = (name: string): StoredProfiled => {
  const { id, name: called, namespace, labels, namespaces } = container;
  return { profile: name, container: { id, name: called, namespace, labels, namespaces } };
};
const learnt = (name: string): StoredAccess => ({
  profile: name,
  containerId: container.id,
  key: '00000000000000ff',
  access: {
    class: 'file',
    operations: ['read'],
    object: { kind: 'path', path: '/etc/passwd' },
    program: '/bin/cat',
    fromOutside: false,
    ownership: 'owner',
    terminal: false,
    count: 1,
  },
});
const visibility = (namespace: string): VisibilitySetting => ({
  namespace,
  matchLabels: { app: 'web' },
  classes: ['file'],
  origin: 'rpc',
});
const image = { imageId: 3, rules: [] };

test('committed records are loaded again, and deleted ones are not', async () => {
  const directory = newDirectory();
  const store = await Store.open(directory);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await store.load();
  await store.commit({
    putPolicies: [policy('a'), policy('b')],
    putPostures: [posture('a'), posture('b')],
    putVisibility: [visibility('a'), visibility('b')],
    putContainers: [container],
    putImageRecords: [image, { imageId: 4, rules: [] }],
    putProfiles: [profile('late', 2), profile('early', 1), profile('gone', 3)],
    putProfiled: [profiled('early'), profiled('gone')],
    putAccesses: [learnt('early'), learnt('gone')],
    revision: 9,
    lastImage: 4,
  });
  await store.commit({
    deletePolicies: ['default/b'],
    deleteImageRecords: [4],
    deleteProfiles: ['gone'],
    deleteProfiled: [profiled('gone')],
    deleteAccesses: [learnt('gone')],
    putPostures: [{ namespace: 'b', postures: {} }],
    deleteVisibility: [visibilityKey(visibility('b'))],
  });
  await store.close();

  const again = await Store.open(directory);
  assert.deepEqual(await again.load(), {
    policies: [policy('a')],
    postures: [posture('a')],
    visibility: [visibility('a')],
    containers: [container],
    imageRecords: [image],
    profiles: [profile('early', 1), profile('late', 2)],
    profiled: [profiled('early')],
    accesses: [learnt('early')],
    revision: 9,
    lastImage: 4,
    keepsUnknown: false,
    damage: [],
    remarks: [],
  });
  await again.close();
});

test('a directory in use by another is refused by name', async () => {
  const directory = newDirectory();
  const store = await Store.open(directory);
  await assert.rejects(Store.open(directory), (error: Failure) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'failed-precondition');
    assert.ok(error.message.startsWith(`cannot open the state in ${directory}: `), error.message);
    return true;
  });
  await store.close();
});

test('a damaged record is reported by its key and the others can be read', async () => {
  const directory = newDirectory();
  const store = await Store.open(directory);
  await store.load();
  await store.commit({ putPolicies: [policy('a'), policy('b')] });
  await store.close();
  const raw = new ClassicLevel<string, string>(join(directory, 'store'), { valueEncoding: 'utf8' });
  const text = (await raw.get('policy/default/a'))!;
  await raw.put('policy/default/a', text.replace('"app":"a"', '"app":"x"'));
  await raw.close();

  const again = await Store.open(directory);
  const { policies, damage } = await again.load();
  assert.deepEqual(policies, [policy('b')]);
  assert.deepEqual(damage, ['records are damaged: policy/default/a']);
  await again.discardDamage();
  await again.close();
  const afterwards = await Store.open(directory);
  assert.deepEqual((await afterwards.load()).damage, []);
  await afterwards.close();
});

test('a store of an earlier version, without seal and witness, is accepted', async () => {
  const directory = newDirectory();
  const store = await Store.open(directory);
  await store.load();
  await store.commit({ putPolicies: [policy('a')], revision: 3 });
  await store.close();
  const raw = new ClassicLevel<string, string>(join(directory, 'store'), { valueEncoding: 'utf8' });
  await raw.batch([
    { type: 'del', key: 'seal' },
    { type: 'del', key: 'undo' },
  ]);
  await raw.close();
  rmSync(`${directory}-witness`, { recursive: true });
  for (const revision of [3, 4]) {
    const again = await Store.open(directory);
    const loaded = await again.load();
    assert.deepEqual([loaded.damage, loaded.remarks, loaded.revision], [[], [], revision]);
    await again.commit({ revision: revision + 1 });
    await again.close();
  }
});

test('kill -9 loses no acknowledged change', async () => {
  const directory = newDirectory();
  const program = `
    import { Store } from ${JSON.stringify(new URL('../../../src/store/store.js', import.meta.url).href)};
    const store = await Store.open(${JSON.stringify(directory)});
    await store.load();
    for (let revision = 1; ; revision++) {
      await store.commit({ revision });
      console.log(revision);
    }`;
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    let acknowledged = '';
    child.stdout.on('data', (text) => {
      acknowledged += text;
      if (acknowledged.split('\n').length > 20) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const store = await Store.open(directory);
    const { revision, damage } = await store.load();
    await store.close();
    const last = Number(acknowledged.trim().split('\n').at(-1));
    assert.ok(last >= 20 && revision >= last, `${revision} < ${last}`);
    assert.deepEqual(damage, []);
  }
});
