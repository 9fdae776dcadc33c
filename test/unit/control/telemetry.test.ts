import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamespacePair } from '../../../src/containers/container.js';
import { TELEMETRY_LIMIT } from '../../../src/events/telemetry.js';
import { describeObject } from '../../../src/image/describe-object.js';
import { ACCESS_NONE } from '../../../src/kernel/accesses.js';
import type { EventRecord } from '../../../src/kernel/event-record.js';
import { VISIBLE_ACCESSES_MAX } from '../../../src/policy/visibility.js';
import { recordOf } from '../../support/event-record.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const SHOP = { namespace: 'shop', matchLabels: {} };

async function planeWith() {
  const plane = new InMemoryControlPlane();
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await addContainer(plane, 'c1');
  await plane.visibility.set(SHOP, ['file', 'network']);
  const subscription = plane.telemetry.hub.subscribe(() => true, { onWaiting: () => undefined });
  /** The reports at the end of the window. */
  const reported = () => {
    plane.telemetry.report();
    return subscription.take(100).events.map(({ object, count, suppressed }) => [object, count ?? suppressed]);
  };
  return { plane, subscription, reported };
}

function addContainer(plane: InMemoryControlPlane, id: string, namespaces = NAMESPACES) {
  const description = { id, name: id, namespace: 'shop', labels: { app: 'web' }, origin: 'registered' } as const;
  return plane.tracker.register(description, namespaces);
}

const accessOf = (object: string) => BigInt([...object].reduce((sum, each) => sum * 31 + each.charCodeAt(0), 1));

/** Counts an access and reports it the first time, as the kernel does. @returns whether it was reported */
function access(plane: InMemoryControlPlane, object: string, fields: Partial<EventRecord> = {}): boolean {
  const container: NamespacePair = NAMESPACES;
  const counted = { container, access: accessOf(object) };
  const count = plane.counts.count(counted);
  plane.counts.add(counted, count + 1);
  if (count > 0) return false;
  const record = recordOf({ ...container, access: counted.access, object, ...fields });
  // As the daemon does.
  const isVisible = plane.telemetry.isVisible(record);
  plane.recordings.observe(record, isVisible);
  if (isVisible) plane.telemetry.observe(record);
  return true;
}

test('each access is reported once in a window with its count, and again in the next', async () => {
  const { plane, subscription, reported } = await planeWith();
  for (let time = 0; time < 1000; time++) access(plane, '/etc/hosts');
  access(plane, '/etc/passwd');
  assert.equal(subscription.waiting, 0);
  assert.deepEqual(reported(), [
    ['/etc/hosts', 1000],
    ['/etc/passwd', 1],
  ]);
  assert.deepEqual(reported(), []);
  assert.deepEqual(plane.counts.list(), []);
  access(plane, '/etc/hosts');
  access(plane, '/etc/hosts');
  assert.deepEqual(reported(), [['/etc/hosts', 2]]);
  assert.deepEqual([plane.telemetry.reported, plane.telemetry.dropped, plane.telemetry.active], [3, 0, 0]);
});

test('an access is reported with its container and object, and without a policy', async () => {
  const { plane, subscription } = await planeWith();
  access(plane, '/etc/hosts', { wanted: (1 << 1) | (1 << 2) });
  plane.telemetry.report();
  const [event] = subscription.take(1).events;
  const { containerName, namespace, labels, operations, policy, action, result, severity, time } = event!;
  assert.deepEqual([containerName, namespace, labels], ['c1', 'shop', { app: 'web' }]);
  assert.deepEqual(
    [operations, policy, action, result, severity, time],
    [['read', 'write'], '', 'Allow', 'passed', 0, 1n],
  );
});

test('accesses that are not visible, or that a policy reports, are not reported', async () => {
  const { plane, reported } = await planeWith();
  access(plane, '/bin/ls', { class: 'process', operation: 'exec' });
  access(plane, '/audited', { action: 1, rule: 0 });
  assert.deepEqual(reported(), []);
  assert.deepEqual(plane.counts.list(), []);
  await plane.visibility.set(SHOP, undefined);
  access(plane, '/etc/hosts');
  assert.deepEqual([reported(), plane.counts.list()], [[], []]);
});

test('of too many different accesses the first are reported, and the number of others', async () => {
  const { plane, reported, subscription } = await planeWith();
  for (const object of ['/a', '/b', '/c', '/d', '/e', '/e']) access(plane, object);
  plane.telemetry.report();
  const { events } = subscription.take(10);
  assert.deepEqual(
    events.map(({ object, policy, suppressed }) => [object || policy, suppressed]),
    [
      ['/a', 0],
      ['/b', 0],
      ['/c', 0],
      [TELEMETRY_LIMIT, 3],
    ],
  );
  assert.match(events[3]!.message, /^3 accesses of this container are not reported: more than 3 different ones/);
  assert.deepEqual([plane.telemetry.reported, plane.telemetry.dropped], [3, 3]);
  assert.deepEqual(reported(), []);
});

test('accesses without room in the kernel are counted, and their number is reported', async () => {
  const { plane, reported } = await planeWith();
  access(plane, '/a');
  plane.counts.add({ container: NAMESPACES, access: ACCESS_NONE }, VISIBLE_ACCESSES_MAX + 50);
  assert.deepEqual(reported(), [
    ['/a', 1],
    ['', 50],
  ]);
  assert.deepEqual(plane.counts.list(), []);
});

test('a profile that starts and ends meanwhile learns everything, and telemetry continues', async () => {
  const { plane, reported } = await planeWith();
  const profile = async () => {
    const { containers } = await plane.profiles.get('p');
    return containers[0]!.accesses.map(({ object, count }) => [describeObject(object), count]);
  };
  access(plane, '/a');
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  assert.equal(access(plane, '/a'), true, 'new to the profile');
  access(plane, '/a');
  // Before the profile, and since.
  assert.deepEqual(reported(), [
    ['/a', 1],
    ['/a', 2],
  ]);
  access(plane, '/a');
  assert.deepEqual([reported(), await profile()], [[['/a', 1]], [['/a', 3]]]);
  assert.deepEqual(reported(), []);
  access(plane, '/a');
  access(plane, '/b');
  await plane.profiles.stop('p', 2);
  assert.deepEqual(await profile(), [
    ['/a', 4],
    ['/b', 1],
  ]);
  access(plane, '/a');
  assert.deepEqual(reported(), [
    ['/a', 1],
    ['/b', 1],
    ['/a', 1],
  ]);
  assert.deepEqual(plane.counts.list(), []);
});

test('when a container under a profile becomes visible, the kernel reports again and counts continue', async () => {
  const { plane, reported } = await planeWith();
  await plane.visibility.set(SHOP, []);
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  const profile = async () => {
    const { containers } = await plane.profiles.get('p');
    return containers[0]!.accesses.map(({ object, count }) => [describeObject(object), count]);
  };
  for (let time = 0; time < 3; time++) access(plane, '/a');
  await plane.visibility.set(SHOP, ['file']);
  await plane.recordings.follow();
  assert.deepEqual([reported(), await profile()], [[], [['/a', 3]]]);
  assert.equal(access(plane, '/a'), true);
  access(plane, '/a');
  assert.deepEqual([reported(), await profile()], [[['/a', 2]], [['/a', 5]]]);
  await plane.visibility.set(SHOP, []);
  await plane.recordings.follow();
  access(plane, '/a');
  await plane.profiles.stop('p', 2);
  assert.deepEqual([reported(), await profile(), plane.counts.list()], [[], [['/a', 6]], []]);
});

test('after a restart under a profile the kernel reports again, and the profile loses nothing', async () => {
  const { plane } = await planeWith();
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  for (let time = 0; time < 3; time++) access(plane, '/a');
  await plane.profiles.get('p');
  const next = new InMemoryControlPlane(plane.ledger.desired);
  next.counts.add({ container: NAMESPACES, access: accessOf('/a') }, 3);
  const profiled = plane.commits.flatMap(({ putProfiled = [] }) => putProfiled);
  const accesses = plane.commits.flatMap(({ putAccesses = [] }) => putAccesses);
  await next.recordings.resume({ profiled, accesses });
  const subscription = next.telemetry.hub.subscribe(() => true, { onWaiting: () => undefined });
  assert.equal(access(next, '/a'), true);
  next.telemetry.stop();
  assert.deepEqual(
    subscription.take(10).events.map(({ object, count }) => [object, count]),
    [['/a', 1]],
  );
  const { containers } = await next.profiles.get('p');
  assert.deepEqual(
    containers[0]!.accesses.map(({ count }) => count),
    [4],
  );
});

test('accesses of a container that has ended are reported, separately from a new one with its namespaces', async () => {
  const { plane, subscription } = await planeWith();
  access(plane, '/a');
  await plane.containers.remove('c1');
  await addContainer(plane, 'c2');
  plane.telemetry.observe(recordOf({ ...NAMESPACES, access: 99n, object: '/b' }));
  plane.telemetry.stop();
  assert.deepEqual(
    subscription.take(10).events.map(({ containerId, object }) => [containerId, object]),
    [
      ['c1', '/a'],
      ['c2', '/b'],
    ],
  );
});

test('windows end after their length in seconds, as long as there is something to report', async (t) => {
  /** Running timers with their milliseconds: node's mock would continue one that its own callback clears. */
  const running = new Map<object, readonly [callback: () => void, milliseconds: number]>();
  t.mock.method(globalThis, 'setInterval', (callback: () => void, milliseconds: number) => {
    const timer = { unref: () => timer };
    running.set(timer, [callback, milliseconds]);
    return timer;
  });
  t.mock.method(globalThis, 'clearInterval', (timer: object) => void running.delete(timer));
  const { plane, subscription } = await planeWith();
  const waiting = () => subscription.take(100).events.map(({ object }) => object);
  for (const objects of [['/a', '/b'], ['/c']]) {
    assert.equal(running.size, 0, 'no timer runs while there is nothing to report');
    for (const object of objects) access(plane, object);
    const [[endWindow, milliseconds] = assert.fail(), ...others] = [...running.values()];
    assert.deepEqual([milliseconds, others, waiting()], [3_600_000, [], []]);
    endWindow();
    assert.deepEqual(waiting(), objects);
  }
  access(plane, '/d');
  plane.telemetry.stop();
  assert.deepEqual([waiting(), running.size], [['/d'], 0]);
});

test('accesses that a policy reports are events already, and are not counted in telemetry', async () => {
  const { plane, reported } = await planeWith();
  const record = recordOf({ ...NAMESPACES, access: 9n, object: '/denied', action: 2, rule: 0 });
  plane.counts.add({ container: NAMESPACES, access: 9n }, 3);
  plane.telemetry.observe(record);
  assert.equal(plane.telemetry.active, 1);
  assert.deepEqual(reported(), []);
  assert.deepEqual([plane.telemetry.reported, plane.telemetry.dropped, plane.telemetry.active], [0, 0, 0]);
  assert.deepEqual(plane.counts.list(), []);
});

test('accesses of an unknown container, or of a class that is not visible, are not observed', async () => {
  const { plane, reported } = await planeWith();
  plane.telemetry.observe(recordOf({ pidNamespace: 91, mountNamespace: 92, access: 9n }));
  plane.telemetry.observe(recordOf({ ...NAMESPACES, class: 'process', operation: 'exec', access: 9n }));
  assert.equal(plane.telemetry.isVisible(recordOf({ pidNamespace: 91, mountNamespace: 92 })), false);
  assert.deepEqual([plane.telemetry.active, reported()], [0, []]);
});

test('an access whose count was already read counts as one', async () => {
  const { plane, reported } = await planeWith();
  access(plane, '/a');
  plane.counts.forget({ container: NAMESPACES, access: accessOf('/a') });
  assert.deepEqual(reported(), [['/a', 1]]);
});

test('an access that is reported again under a profile has the time of that report', async () => {
  const { plane, subscription } = await planeWith();
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  const times = () => {
    plane.telemetry.report();
    return subscription.take(10).events.map(({ time, count }) => [time, count]);
  };
  access(plane, '/a');
  assert.deepEqual(times(), [[1n, 1]]);
  access(plane, '/a');
  access(plane, '/a');
  assert.deepEqual(times(), [[5_000_000_000n, 2]]);
  assert.deepEqual(times(), []);
});

test('a renamed container is reported by its name at the time of the access', async () => {
  const { plane, subscription } = await planeWith();
  access(plane, '/a');
  const description = {
    id: 'c1',
    name: 'renamed',
    namespace: 'shop',
    labels: { app: 'web' },
    origin: 'registered',
  } as const;
  await plane.tracker.register(description, NAMESPACES);
  access(plane, '/b');
  plane.telemetry.report();
  assert.deepEqual(
    subscription.take(10).events.map(({ containerName, object }) => [containerName, object]),
    [
      ['c1', '/a'],
      ['renamed', '/b'],
    ],
  );
});

test('the limit of a window also holds under a profile, and later accesses are counted', async () => {
  const { plane, subscription } = await planeWith();
  await plane.profiles.start('p', { kind: 'container', id: 'c1' }, 1);
  for (const object of ['/a', '/b', '/c', '/d']) access(plane, object);
  plane.telemetry.report();
  assert.deepEqual(
    subscription.take(10).events.map(({ object, suppressed }) => object || suppressed),
    ['/a', '/b', '/c', 1],
  );
  access(plane, '/d');
  plane.telemetry.report();
  assert.deepEqual(
    subscription.take(10).events.map(({ object, count }) => [object, count]),
    [['/d', 1]],
  );
  assert.deepEqual([plane.telemetry.reported, plane.telemetry.dropped], [4, 1]);
});
