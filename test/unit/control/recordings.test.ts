import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROFILES_MAX } from '../../../src/control/profile-registry.js';
import type { StoredState } from '../../../src/store/store.js';
import { recordOf } from '../../support/event-record.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };

async function planeWith(id = 'c1', plane = new InMemoryControlPlane()) {
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await addContainer(plane, id);
  return plane;
}

function addContainer(plane: InMemoryControlPlane, id: string, namespaces = NAMESPACES) {
  const description = { id, name: id, namespace: 'default', labels: { app: 'web' }, origin: 'registered' } as const;
  return plane.tracker.register(description, namespaces);
}

const selector = { kind: 'selector', namespace: 'default', matchLabels: { app: 'web' } } as const;

/** As the kernel does: counts the access, and reports it. */
function make(plane: InMemoryControlPlane, access: bigint, object: string, count = 1, container = NAMESPACES): void {
  plane.counts.add({ container, access }, count);
  plane.recordings.observe(recordOf({ ...container, access, object }));
}

async function learnt(plane: InMemoryControlPlane, profile: string) {
  const { containers } = await plane.profiles.get(profile);
  return containers.map(({ id, accesses }) => [id, accesses.map(({ object, count }) => [object, count])]);
}

/** What would be loaded from the store after all that was written. */
function storedIn({ commits }: InMemoryControlPlane): Pick<StoredState, 'profiled' | 'accesses'> {
  const profiled = new Map(commits.flatMap(({ putProfiled = [] }) => putProfiled).map((each) => [each.profile, each]));
  const accesses = new Map(commits.flatMap(({ putAccesses = [] }) => putAccesses).map((each) => [each.key, each]));
  return { profiled: [...profiled.values()], accesses: [...accesses.values()] };
}

test('a profile learns from the containers it selects while it runs, with the counts of the kernel', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/etc/passwd');
  plane.counts.add({ container: NAMESPACES, access: 7n }, 5);
  assert.deepEqual(await learnt(plane, 'p'), [['c1', [['/etc/passwd', 5]]]]);
  plane.counts.add({ container: NAMESPACES, access: 7n }, 6);
  await plane.profiles.stop('p', 2);
  assert.deepEqual(plane.counts.list(), []);
  assert.deepEqual(await learnt(plane, 'p'), [['c1', [['/etc/passwd', 6]]]]);
});

test('what the kernel had reported when the profile was stopped is learnt all the same', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  plane.onSettle = () => {
    plane.onSettle = () => undefined;
    make(plane, 7n, '/late');
  };
  await plane.profiles.stop('p', 2);
  assert.deepEqual(await learnt(plane, 'p'), [['c1', [['/late', 1]]]]);
});

test('what nobody learns from is forgotten in the kernel, so that it is reported again when somebody does', async () => {
  const plane = await planeWith();
  make(plane, 7n, '/etc/passwd');
  assert.deepEqual(plane.counts.list(), []);
});

test('a container that ends keeps what was learnt about it, and one that is given its namespaces starts again', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/old', 3);
  await plane.containers.remove('c1');
  await addContainer(plane, 'c2');
  await plane.recordings.follow();
  make(plane, 7n, '/new', 2);
  assert.deepEqual(await learnt(plane, 'p'), [
    ['c1', [['/old', 3]]],
    ['c2', [['/new', 2]]],
  ]);
});

test('a container that comes while the profile runs is learnt from', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  const other = { pidNamespace: 21, mountNamespace: 22 };
  await addContainer(plane, 'c2', other);
  make(plane, 9n, '/x', 1, other);
  assert.deepEqual((await learnt(plane, 'p')).at(-1), ['c2', [['/x', 1]]]);
});

test('of two profiles that select a container the first learns, and then the second', async () => {
  const plane = await planeWith();
  await plane.profiles.start('first', selector, 1);
  await plane.profiles.start('second', { kind: 'container', id: 'c1' }, 2);
  make(plane, 7n, '/a');
  assert.deepEqual(await learnt(plane, 'second'), []);
  await plane.profiles.stop('first', 3);
  make(plane, 7n, '/a');
  assert.deepEqual(await learnt(plane, 'second'), [['c1', [['/a', 1]]]]);
});

test('the next daemon continues with what was written down, is reported again of what was not, and counts it', async () => {
  const before = await planeWith();
  await before.profiles.start('p', selector, 1);
  make(before, 7n, '/known');
  await before.recordings.write();

  const after = new InMemoryControlPlane(before.ledger.desired);
  await after.ledger.start([]);
  after.counts.add({ container: NAMESPACES, access: 7n }, 4);
  after.counts.add({ container: NAMESPACES, access: 8n }, 1);
  await after.recordings.resume(storedIn(before));
  assert.deepEqual(after.counts.list(), [{ container: NAMESPACES, access: 7n }]);
  assert.equal(after.recordings.lost, 1);
  assert.deepEqual(await learnt(after, 'p'), [['c1', [['/known', 4]]]]);
});

test('the next daemon settles the counts of a container that ended meanwhile', async () => {
  const before = await planeWith();
  await before.profiles.start('p', selector, 1);
  make(before, 7n, '/known');
  await before.recordings.write();

  const after = new InMemoryControlPlane({ ...before.ledger.desired, containers: new Map() });
  await after.ledger.start([]);
  after.counts.add({ container: NAMESPACES, access: 7n }, 4);
  await after.recordings.resume(storedIn(before));
  assert.deepEqual(after.counts.list(), []);
  assert.deepEqual(await learnt(after, 'p'), [['c1', [['/known', 4]]]]);
  assert.equal(storedIn(after).accesses[0]!.access.count, 4);
});

test('what a profile has reported itself is on disk', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  plane.onSettle = () => {
    plane.onSettle = () => undefined;
    make(plane, 7n, '/told');
  };
  await plane.profiles.get('p');
  assert.deepEqual(
    storedIn(plane).accesses.map(({ access }) => access.object),
    ['/told'],
  );
});

test('what could not be written down is written later', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/a');
  plane.storeFailure = new Error('no space');
  await assert.rejects(plane.recordings.write(), /no space/);
  plane.storeFailure = undefined;
  await plane.recordings.write();
  assert.deepEqual(
    storedIn(plane).accesses.map(({ access }) => access.object),
    ['/a'],
  );
});

test('deleting a profile takes all that it has learnt from the store', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/a');
  await plane.profiles.delete('p', 2);
  const { deleteProfiles, deleteProfiled, deleteAccesses } = plane.commits.at(-1)!;
  assert.deepEqual(deleteProfiles, ['p']);
  assert.deepEqual(
    deleteProfiled!.map(({ container }) => container.id),
    ['c1'],
  );
  assert.deepEqual(
    deleteAccesses!.map(({ access }) => access.object),
    ['/a'],
  );
  assert.deepEqual(plane.profiles.list(), []);
  assert.deepEqual(plane.counts.list(), []);
});

test('what was learnt for a profile that is deleted meanwhile is not written down again', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  await plane.profiles.start('q', selector, 2);
  await plane.profiles.delete('p', 3);
  const before = plane.commits.length;
  plane.storeFailure = new Error('the disk is full');
  make(plane, 8n, '/b');
  await assert.rejects(plane.recordings.write());
  plane.storeFailure = undefined;
  await plane.profiles.stop('q', 4);
  plane.recordings.forget('q');
  await plane.recordings.write();
  const written = plane.commits.slice(before).flatMap(({ putAccesses = [] }) => putAccesses);
  assert.deepEqual(
    written.filter(({ profile }) => profile === 'p'),
    [],
  );
});

test('only while a profile runs does the image of a container say that it learns', async () => {
  const plane = await planeWith();
  const isProfiled = () => plane.containers.ruleSetOf(plane.containers.get('c1')!).profiled === true;
  assert.equal(isProfiled(), false);
  await plane.profiles.start('p', selector, 1);
  assert.equal(isProfiled(), true);
  await plane.profiles.stop('p', 2);
  assert.equal(isProfiled(), false);
});

test('there can be so many profiles and no more', async () => {
  const plane = await planeWith();
  for (let number = 1; number <= PROFILES_MAX; number++) await plane.profiles.start(`p${number}`, selector, number);
  await assert.rejects(plane.profiles.start('more', selector, 99), { code: 'resource-exhausted' });
  await plane.profiles.delete('p1', 100);
  await plane.profiles.start('more', selector, 101);
});

test('a profile that was deleted does not come back with what was still to be written down', async () => {
  const plane = new InMemoryControlPlane();
  await addContainer(plane, 'c1');
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/etc/passwd');
  await plane.profiles.delete('p', 2);
  await plane.recordings.write();
  assert.deepEqual(storedIn(plane), { profiled: [], accesses: [] });
});
