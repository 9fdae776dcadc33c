import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespacesOf } from '../../../src/containers/procfs.js';
import { PROFILES_MAX } from '../../../src/control/profile-registry.js';
import { describeObject } from '../../../src/image/describe-object.js';
import type { ObservedAccess } from '../../../src/profile/observed-access.js';
import type { StoreChanges, StoredState } from '../../../src/store/store.js';
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

/** Counts and reports an access, as the kernel does. */
function make(plane: InMemoryControlPlane, access: bigint, object: string, count = 1, container = NAMESPACES): void {
  plane.counts.add({ container, access }, count);
  plane.recordings.observe(recordOf({ ...container, access, object }));
}

async function learnt(plane: InMemoryControlPlane, profile: string) {
  const { containers } = await plane.profiles.get(profile);
  return containers.map(({ id, accesses }) => [
    id,
    accesses.map(({ object, count }) => [describeObject(object), count]),
  ]);
}

/** What a daemon would load from the store after all commits. */
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

test('accesses that the kernel had reported before the profile was stopped are learnt', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  plane.onSettle = () => {
    plane.onSettle = () => undefined;
    make(plane, 7n, '/late');
  };
  await plane.profiles.stop('p', 2);
  assert.deepEqual(await learnt(plane, 'p'), [['c1', [['/late', 1]]]]);
});

test('accesses that no profile learns are removed in the kernel, so that they are reported again later', async () => {
  const plane = await planeWith();
  make(plane, 7n, '/etc/passwd');
  assert.deepEqual(plane.counts.list(), []);
});

test('what was learnt about a container is kept after its end, and a new one with its namespaces starts from zero', async () => {
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

test('a container that starts while the profile runs is included', async () => {
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

test('the next daemon continues with what was stored, and gets reports and counts of the rest again', async () => {
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

test('what a profile has returned is on disk', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  plane.onSettle = () => {
    plane.onSettle = () => undefined;
    make(plane, 7n, '/told');
  };
  await plane.profiles.get('p');
  assert.deepEqual(
    storedIn(plane).accesses.map(({ access }) => describeObject(access.object)),
    ['/told'],
  );
});

test('accesses that could not be stored are stored later', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/a');
  plane.storeFailure = new Error('no space');
  await assert.rejects(plane.recordings.write(), /no space/);
  plane.storeFailure = undefined;
  await plane.recordings.write();
  assert.deepEqual(
    storedIn(plane).accesses.map(({ access }) => describeObject(access.object)),
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
    deleteAccesses!.map(({ access }) => describeObject(access.object)),
    ['/a'],
  );
  assert.deepEqual(plane.profiles.list(), []);
  assert.deepEqual(plane.counts.list(), []);
});

test('accesses of a profile that is deleted meanwhile are not stored again', async () => {
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

test('the image of a container has the learning flag only while a profile runs', async () => {
  const plane = await planeWith();
  const isProfiled = () => plane.containers.ruleSetOf(plane.containers.get('c1')!).profiled === true;
  assert.equal(isProfiled(), false);
  await plane.profiles.start('p', selector, 1);
  assert.equal(isProfiled(), true);
  await plane.profiles.stop('p', 2);
  assert.equal(isProfiled(), false);
});

test('the number of profiles is limited', async () => {
  const plane = await planeWith();
  for (let number = 1; number <= PROFILES_MAX; number++) await plane.profiles.start(`p${number}`, selector, number);
  await assert.rejects(plane.profiles.start('more', selector, 99), { code: 'resource-exhausted' });
  await plane.profiles.delete('p1', 100);
  await plane.profiles.start('more', selector, 101);
});

test('a deleted profile does not come back with accesses that were still to be stored', async (t) => {
  // With real timers a slow test would store accesses meanwhile.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const plane = new InMemoryControlPlane();
  await addContainer(plane, 'c1');
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/etc/passwd');
  await plane.profiles.delete('p', 2);
  await plane.recordings.write();
  assert.deepEqual(storedIn(plane), { profiled: [], accesses: [] });
});

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('learnt accesses are stored within 50 ms, and once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  const before = plane.commits.length;
  t.mock.timers.tick(50);
  await turns();
  assert.equal(plane.commits.length, before, 'what the profile started with is on disk already');
  make(plane, 7n, '/a');
  make(plane, 8n, '/b');
  t.mock.timers.tick(49);
  await turns();
  assert.equal(plane.commits.length, before);
  t.mock.timers.tick(1);
  await turns();
  const objects = ({ putAccesses = [] }: StoreChanges) =>
    putAccesses.map(({ access }) => describeObject(access.object));
  assert.deepEqual(plane.commits.slice(before).map(objects), [['/a', '/b']]);
  make(plane, 9n, '/c');
  t.mock.timers.tick(50);
  await turns();
  assert.deepEqual(plane.commits.slice(before).map(objects), [['/a', '/b'], ['/c']]);
  await plane.recordings.write();
  assert.equal(plane.commits.length, before + 2);
});

test('a failure to store is logged, and the accesses are stored once that works again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  const warnings = t.mock.method(plane.recordings.logger, 'warn');
  const failure = new Error('no space');
  plane.storeFailure = failure;
  make(plane, 7n, '/a');
  t.mock.timers.tick(50);
  await turns();
  assert.deepEqual(
    warnings.mock.calls.map((call) => call.arguments),
    [[{ err: failure }, 'cannot write down what a profile has learnt']],
  );
  plane.storeFailure = undefined;
  t.mock.timers.tick(50);
  await turns();
  assert.deepEqual(
    storedIn(plane).accesses.map(({ access }) => describeObject(access.object)),
    ['/a'],
  );
});

test('a failure in a profile is logged, and nothing else fails', async (t) => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/a');
  const warnings = t.mock.method(plane.recordings.logger, 'warn');
  plane.storeFailure = new Error('no space');
  plane.recordings.changed();
  await turns();
  assert.deepEqual(
    warnings.mock.calls.map((call) => call.arguments),
    [[{ err: plane.storeFailure }, 'cannot keep what a profile has learnt']],
  );
});

test('the container that a profile learns from is on disk before anything is learnt', async () => {
  const plane = await planeWith();
  await plane.profiles.start('p', selector, 1);
  assert.equal(plane.recordings.isLearning('11:12'), true);
  const stored = storedIn(plane);
  assert.deepEqual(
    stored.profiled.map(({ profile, container }) => [profile, container]),
    [['p', { id: 'c1', name: 'c1', namespace: 'default', labels: { app: 'web' }, namespaces: NAMESPACES }]],
  );
  assert.deepEqual(stored.accesses, []);
  await plane.profiles.stop('p', 2);
  assert.equal(plane.recordings.isLearning('11:12'), false);
});

test('running programs, and the files that they have mapped, are learnt when the profile starts', async () => {
  const plane = new InMemoryControlPlane();
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await addContainer(plane, 'here', namespacesOf(process.pid));
  await plane.profiles.start('p', selector, 1);
  const { containers } = await plane.profiles.get('p');
  const { accesses } = containers[0]!;
  const pathOf = ({ object }: ObservedAccess) => (object.kind === 'path' ? object.path : '');
  const own = accesses.find((each) => each.class === 'process' && pathOf(each) === process.execPath);
  const common = { ownership: 'owner', terminal: false, count: 1 };
  assert.deepEqual(own, {
    ...common,
    class: 'process',
    operations: ['execute'],
    object: { kind: 'path', path: process.execPath },
    program: '',
    fromOutside: true,
  });
  const library = accesses.find((each) => each.program === process.execPath && /\/libc[.-]/u.test(pathOf(each)));
  assert.deepEqual(library, {
    ...common,
    class: 'file',
    operations: ['read'],
    object: library?.object,
    program: process.execPath,
    fromOutside: false,
  });
  await plane.profiles.stop('p', 2);
});

test('accesses that telemetry reports are kept in the kernel even if no profile learns', async () => {
  const plane = await planeWith();
  plane.counts.add({ container: NAMESPACES, access: 7n }, 1);
  plane.counts.add({ container: NAMESPACES, access: 0n }, 3);
  const record = recordOf({ ...NAMESPACES, access: 7n, object: '/a' });
  plane.recordings.observe(record, true);
  assert.equal(plane.counts.list().length, 2);
  plane.recordings.observe(record);
  assert.deepEqual(plane.counts.list(), [], 'the number of new ones is not reset either');
});

test('accesses can be read by container, as learnt by profiles', async () => {
  const plane = await planeWith();
  const other = { pidNamespace: 21, mountNamespace: 22 };
  await addContainer(plane, 'c2', other);
  await plane.profiles.start('p', selector, 1);
  make(plane, 7n, '/a', 3);
  make(plane, 8n, '/b', 1, other);
  const objects = (...ids: string[]) =>
    [...plane.recordings.accessesOf(new Set(ids))].map(([id, accesses]) => [
      id,
      accesses.map(({ object, count }) => [describeObject(object), count]),
    ]);
  assert.deepEqual(objects('c1'), [['c1', [['/a', 3]]]]);
  assert.deepEqual(objects('c2', 'c1'), [
    ['c1', [['/a', 3]]],
    ['c2', [['/b', 1]]],
  ]);
  assert.deepEqual(objects('none'), []);
});

test('nothing starts before the recordings of an earlier daemon are resumed, and a resumed profile does not start again', async () => {
  const plane = new InMemoryControlPlane();
  await addContainer(plane, 'c1');
  await plane.profiles.start('p', selector, 1);
  assert.deepEqual([plane.recordings.isLearning('11:12'), plane.recordings.of('p')], [false, []]);
  await plane.recordings.resume({ profiled: [], accesses: [] });
  const [recording] = plane.recordings.of('p');
  assert.equal(plane.recordings.isLearning('11:12'), true);
  make(plane, 7n, '/a');
  await plane.recordings.follow();
  assert.deepEqual(plane.recordings.of('p'), [recording]);
  assert.deepEqual(await learnt(plane, 'p'), [['c1', [['/a', 1]]]]);
});

test('the next daemon reports how many accesses the kernel had reported that were not stored', async (t) => {
  const before = await planeWith();
  await before.profiles.start('p', selector, 1);
  make(before, 7n, '/known');
  await before.recordings.write();
  for (const lost of [0, 2]) {
    const after = new InMemoryControlPlane(before.ledger.desired);
    const warnings = t.mock.method(after.recordings.logger, 'warn');
    after.counts.add({ container: NAMESPACES, access: 7n }, 4);
    // The number of new accesses, and accesses that no profile learns, do not count as lost.
    after.counts.add({ container: NAMESPACES, access: 0n }, 9);
    after.counts.add({ container: { pidNamespace: 91, mountNamespace: 92 }, access: 5n }, 1);
    for (let access = 1; access <= lost; access++)
      after.counts.add({ container: NAMESPACES, access: BigInt(100 + access) }, 1);
    await after.recordings.resume(storedIn(before));
    assert.equal(after.recordings.lost, lost);
    assert.deepEqual(
      warnings.mock.calls.map((call) => (call.arguments as unknown[])[0]),
      lost === 0 ? [] : [{ count: lost }],
    );
    assert.deepEqual(after.counts.list(), [{ container: NAMESPACES, access: 7n }]);
  }
});

test('a container with other namespaces, or under another profile, is learnt again', async () => {
  const before = await planeWith();
  await before.profiles.start('p', selector, 1);
  make(before, 7n, '/known', 3);
  await before.recordings.write();
  const { desired } = before.ledger;
  const moved = { ...desired.containers.get('c1')!, namespaces: { pidNamespace: 21, mountNamespace: 22 } };
  const after = new InMemoryControlPlane({ ...desired, containers: new Map([['c1', moved]]) });
  await after.recordings.resume(storedIn(before));
  assert.deepEqual([after.recordings.isLearning('11:12'), after.recordings.isLearning('21:22')], [false, true]);
  assert.deepEqual(after.counts.list(), []);

  const stopped = new Map([
    ['p', { ...desired.profiles.get('p')!, stopped: 2 }],
    ['q', { name: 'q', subject: selector, started: 3 }],
  ]);
  const later = new InMemoryControlPlane({ ...desired, profiles: stopped });
  later.counts.add({ container: NAMESPACES, access: 7n }, 5);
  await later.recordings.resume(storedIn(before));
  assert.deepEqual(await learnt(later, 'p'), [['c1', [['/known', 5]]]]);
  make(later, 8n, '/new');
  assert.deepEqual(await learnt(later, 'q'), [['c1', [['/new', 1]]]]);

  const gone = new InMemoryControlPlane({ ...desired, profiles: new Map() });
  await gone.recordings.resume(storedIn(before));
  assert.deepEqual(gone.recordings.of('p'), []);
});
