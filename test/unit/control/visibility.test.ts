import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desiredBy } from '../../../src/control/stored-start.js';
import { configuredVisibility } from '../../../src/control/visibility.js';
import { VISIBILITY_SETTINGS_MAX } from '../../../src/control/visibility-registry.js';
import { decidesFlag, FLAG_PROFILED, HEADER, visibleFlag } from '../../../src/image/layout.js';
import type { Visibility } from '../../../src/policy/visibility.js';
import { readRecords, recordsOf } from '../../../src/store/stored-form.js';
import { InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const web = { id: 'c1', name: 'web-1', namespace: 'shop', labels: { app: 'web' }, origin: 'cri' } as const;

async function planeWith(visibility?: Visibility, container: object = {}) {
  const options = visibility === undefined ? {} : { visibility };
  const plane = new InMemoryControlPlane(undefined, new MemoryKernel(), undefined, options);
  await plane.tracker.register({ ...web, ...container }, NAMESPACES);
  return plane;
}

/** The flags of the container's image. */
function flagsOf({ kernel }: InMemoryControlPlane): number {
  const [image] = kernel.published.values();
  return kernel.images.get(image!.imageId)!.words[2 * HEADER.decisions]!;
}

const NOTHING = 0;

test('nothing is visible by default, and the kernel then observes nothing', async () => {
  const plane = await planeWith();
  assert.deepEqual(plane.visibility.of('c1'), []);
  assert.equal(flagsOf(plane), NOTHING);
  assert.equal(plane.visibility.countContainers(), 0);
});

test('the kernel observes exactly what is visible', async () => {
  const plane = await planeWith();
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, ['process', 'network']);
  const expected = (['process', 'network'] as const).reduce(
    (sum, each) => sum | decidesFlag(each) | visibleFlag(each),
    0,
  );
  assert.equal(flagsOf(plane), expected);
  assert.equal(plane.visibility.countContainers(), 1);
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  assert.notEqual(flagsOf(plane) & FLAG_PROFILED, 0);
  await plane.profiles.stop('p', 2);
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, undefined);
  assert.equal(flagsOf(plane), NOTHING);
});

test('settings for containers override those for namespaces, clients override annotations, and these override the daemon', async () => {
  const plane = await planeWith(['capabilities'], { visibility: ['network'] });
  const of = () => plane.visibility.of('c1').join();
  assert.equal(of(), 'network', 'the annotation of the pod');
  await plane.visibility.syncAnnotated(
    new Map([
      ['shop', ['file']],
      ['*', ['process']],
    ]),
  );
  assert.equal(of(), 'network');
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, []);
  assert.equal(of(), '', 'an empty setting is also a setting');
  await plane.visibility.set({ namespace: 'shop', matchLabels: { app: 'web' } }, ['file']);
  await plane.visibility.set({ namespace: 'shop', matchLabels: { 'kubearmor.io/container.name': 'web-1' } }, [
    'process',
  ]);
  await plane.visibility.set({ namespace: 'shop', matchLabels: { app: 'other' } }, ['capabilities']);
  assert.equal(of(), 'process,file', 'of several selectors all');
  const other = await planeWith(['capabilities']);
  const ofOther = () => other.visibility.of('c1').join();
  assert.equal(ofOther(), 'capabilities');
  await other.visibility.syncAnnotated(new Map([['*', ['process']]]));
  assert.equal(ofOther(), 'process');
  await other.visibility.syncAnnotated(new Map([['shop', []]]));
  assert.equal(ofOther(), '');
  await other.visibility.syncAnnotated(new Map());
  assert.equal(ofOther(), 'capabilities');
});

test('settings outlive the daemon, unless they were reset', async () => {
  const plane = await planeWith();
  await plane.visibility.set({ namespace: 'shop', matchLabels: { app: 'web' } }, ['file']);
  await plane.visibility.set({ namespace: 'gone', matchLabels: {} }, ['file']);
  await plane.visibility.set({ namespace: 'gone', matchLabels: {} }, undefined);
  await plane.visibility.syncAnnotated(new Map([['ours', ['network']]]));
  const records = new Map<string, string>();
  for (const commit of plane.commits) {
    for (const [key, value] of await recordsOf(commit)) {
      if (value === undefined) records.delete(key);
      else records.set(key, value);
    }
  }
  const { state, unknown } = readRecords(records);
  assert.deepEqual(unknown, []);
  const desired = desiredBy({ ...state, damage: [], remarks: [] }, { containers: () => [] });
  const known = new InMemoryControlPlane(desired).visibility.list();
  assert.deepEqual(
    known.map(({ namespace, classes, origin }) => [namespace, classes, origin]),
    [
      ['ours', ['network'], 'kubernetes'],
      ['shop', ['file'], 'rpc'],
    ],
  );
});

test('the number of settings of clients is limited, and existing ones can be changed', async () => {
  const settings = Array.from({ length: VISIBILITY_SETTINGS_MAX }, (_, index) => `n${index}`);
  const plane = await planeWith();
  const visibility = new Map(
    settings.map((namespace) => [
      `rpc ${namespace} `,
      { namespace, matchLabels: {}, classes: [] as Visibility, origin: 'rpc' as const },
    ]),
  );
  const full = new InMemoryControlPlane({ ...plane.ledger.desired, visibility });
  const add = full.visibility.set({ namespace: 'one-more', matchLabels: {} }, ['file']);
  await assert.rejects(add, /there are already 1024 settings of visibility, reset some/);
  await full.visibility.set({ namespace: 'n7', matchLabels: {} }, ['file']);
});

test('the host has no visibility, and repeating a setting changes nothing', async () => {
  const plane = await planeWith();
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, ['file']);
  const { visibility } = plane.ledger.desired;
  assert.deepEqual(configuredVisibility({ namespace: 'shop', labels: {} }, visibility), ['file']);
  assert.equal(configuredVisibility({ namespace: 'shop', labels: {}, isHost: true }, visibility), undefined);
  assert.equal(configuredVisibility({ namespace: 'else', labels: {} }, visibility), undefined);
  const [written, image] = [plane.commits.length, [...plane.kernel.published.values()]];
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, ['file']);
  assert.equal(plane.commits.length, written);
  assert.deepEqual([...plane.kernel.published.values()], image);
});

test('settings are listed by namespace, those of clients first, with the default of the daemon', async () => {
  const plane = await planeWith(['network']);
  assert.deepEqual([plane.visibility.defaults, (await planeWith()).visibility.defaults], [['network'], []]);
  await plane.visibility.syncAnnotated(
    new Map([
      ['b', ['file']],
      ['a', ['file']],
    ]),
  );
  await plane.visibility.set({ namespace: 'b', matchLabels: {} }, []);
  await plane.visibility.set({ namespace: 'b', matchLabels: { app: 'x' } }, ['file']);
  await plane.visibility.set({ namespace: 'c', matchLabels: {} }, ['file']);
  assert.deepEqual(
    plane.visibility.list().map(({ namespace, origin, matchLabels }) => [namespace, origin, Object.keys(matchLabels)]),
    [
      ['a', 'kubernetes', []],
      ['b', 'rpc', []],
      ['b', 'rpc', ['app']],
      ['b', 'kubernetes', []],
      ['c', 'rpc', []],
    ],
  );
  assert.throws(() => plane.visibility.of('none'), { code: 'not-found', message: 'no container none' });
});

test('only the images of containers whose visibility changes are made again', async () => {
  const plane = await planeWith();
  const other = { id: 'c2', name: 'c2', namespace: 'else', labels: {}, origin: 'cri' } as const;
  await plane.tracker.register(other, { pidNamespace: 21, mountNamespace: 22 });
  const published: number[] = [];
  plane.kernel.beforePublish = async (entries) =>
    void published.push(...entries.map(({ container }) => container.pidNamespace));
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, ['file']);
  assert.deepEqual(published, [11]);
  await plane.visibility.syncAnnotated(new Map([['*', ['process']]]));
  assert.deepEqual(published, [11, 21]);
});
