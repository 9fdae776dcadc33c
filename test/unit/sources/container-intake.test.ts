import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidInput } from '../../../src/failure.js';
import { eventually } from '../../support/eventually.js';
import { description, HELD, intake, sleeper } from '../../support/memory-intake.js';

const HOOK = { key: 'hook', name: 'hook', origin: 'docker' } as const;

test('a registration that cannot be stored is retried until it succeeds, logged once and counted', async () => {
  const { tracker, logger, counts, unprotected, sink, intake: stopped } = intake();
  const { pid } = sleeper();
  tracker.failure = new Error('cannot write', { cause: new Error('No space left on device') });
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => tracker.calls.length >= 4);
  assert.deepEqual(logger.warnings, [
    {
      level: 'warn',
      fields: {
        container: 'a',
        name: 'name-of-a',
        sources: ['docker'],
        cause: 'store',
        reason: 'cannot write: No space left on device',
      },
      message: 'a container runs without its policies: trying again',
    },
  ]);
  const [reported] = unprotected.list();
  assert.deepEqual(
    [reported?.description, reported?.cause, reported?.reason],
    [description('a'), 'store', 'cannot write: No space left on device'],
  );
  assert.ok(counts.failures.store >= 3 && counts.retries >= 2);

  tracker.failure = new Error('database is closed');
  await eventually(() => logger.warnings.length === 2);
  assert.equal(unprotected.get('a')?.reason, 'database is closed');
  tracker.failure = undefined;
  await eventually(() => tracker.containers.has('a'));
  await eventually(() => unprotected.list().length === 0);
  const calls = tracker.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(tracker.calls.length, calls);
  assert.equal(logger.lines.at(-1)?.message, 'the container is protected now');
  stopped.stop();
});

test('retries end with the container', async () => {
  const { tracker, unprotected, sink } = intake();
  const container = sleeper();
  tracker.failure = new Error('full');
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => unprotected.get('a') !== undefined);
  await container.end();
  sink('docker').ended('a');
  assert.deepEqual(unprotected.list(), []);
  const calls = tracker.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(tracker.calls.length, calls);
});

test("retries for a container that only the hook has reported end with the container's process", async () => {
  const { tracker, unprotected, intake: held } = intake();
  const container = sleeper();
  tracker.failure = new Error('full');
  const start = { container: { description: description('a'), pid: container.pid }, startsAnyway: true, held: HELD };
  await assert.rejects(held.takeInStarting(HOOK, { ...start, onVisible: () => undefined }));
  assert.equal(unprotected.list().length, 1);
  await container.end();
  await eventually(() => unprotected.list().length === 0);
});

test('a container without visible processes is reported as long as its runtime reports it as running', async () => {
  const { tracker, unprotected, logger, sink } = intake();
  const container = sleeper();
  await container.end();
  tracker.failure = invalidInput([{ field: 'pid', description: `no process ${container.pid}` }]);
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => unprotected.get('a')?.cause === 'lookup');
  assert.equal(logger.warnings.length, 1);
  sink('docker').running([]);
  assert.deepEqual(unprotected.list(), []);
});

test('a container that has ended before it could be examined causes no warning', async () => {
  const { tracker, unprotected, logger, sink } = intake();
  const container = sleeper();
  await container.end();
  tracker.failure = invalidInput([{ field: 'pid', description: 'no process' }]);
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => tracker.calls.length === 1 && tracker.underWay === 0);
  sink('docker').ended('a');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(tracker.calls.length, 1);
  assert.deepEqual([logger.warnings, unprotected.list()], [[], []]);
});

test('at most a hundred registrations are in progress, and the others follow', async () => {
  const { tracker, sink } = intake();
  const { pid } = sleeper();
  let open = (): void => undefined;
  tracker.gate = new Promise((resolve) => (open = resolve));
  const containers = Array.from({ length: 250 }, (_, number) => ({ description: description(`c${number}`), pid }));
  sink('docker').running(containers);
  await eventually(() => tracker.underWay === 100);
  open();
  await eventually(() => tracker.containers.size === 250);
  assert.equal(tracker.mostUnderWay, 100);
});

test('a container that two sources report is registered once, with the better facts, whichever comes first', async () => {
  for (const order of [
    ['docker', 'cri'],
    ['cri', 'docker'],
  ] as const) {
    const { tracker, sink } = intake();
    const { pid } = sleeper();
    for (const origin of order) {
      sink(origin, origin).started({ description: description('a', { origin, namespace: `of-${origin}` }), pid });
      await eventually(() => tracker.containers.has('a') && tracker.underWay === 0);
    }
    await eventually(() => tracker.containers.get('a')?.namespace === 'of-cri');
    assert.equal(tracker.calls.length, order[0] === 'cri' ? 1 : 2);
  }
});

test("a container's image is kept from whoever knows it, whoever knows the rest better", async () => {
  const { tracker, sink } = intake();
  const { pid } = sleeper();
  sink('nri', 'cri').started({ description: description('a', { origin: 'cri', namespace: 'shop' }), pid });
  await eventually(() => tracker.containers.has('a'));
  sink('docker').started({ description: description('a', { image: 'web:2' }), pid });
  await eventually(() => tracker.containers.get('a')?.image === 'web:2');
  assert.equal(tracker.containers.get('a')?.namespace, 'shop');
});

test('a container that is reported again is registered again only when something about it has changed', async () => {
  const { tracker, sink } = intake();
  const { pid } = sleeper();
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => tracker.containers.has('a'));
  sink('docker').running([{ description: description('a'), pid }]);
  sink('docker').started({ description: description('a', { name: 'renamed' }), pid });
  await eventually(() => tracker.containers.get('a')?.name === 'renamed');
  assert.deepEqual(tracker.calls, ['register a name-of-a by event', 'register a renamed by event']);
});

test('reports during a registration are handled after it', async () => {
  const { tracker, sink } = intake();
  const { pid } = sleeper();
  let open = (): void => undefined;
  tracker.gate = new Promise((resolve) => (open = resolve));
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => tracker.underWay === 1);
  sink('docker').started({ description: description('a', { name: 'renamed' }), pid });
  open();
  await eventually(() => tracker.containers.get('a')?.name === 'renamed');
});

test('reconciliation removes only ended containers of its own origin', async () => {
  const { tracker, sink } = intake();
  const { pid } = sleeper();
  const ended = sleeper();
  const means = { by: 'event' } as const;
  await tracker.register(description('ended'), { pid: ended.pid }, means);
  await tracker.register(description('pod', { origin: 'cri' }), { pid: ended.pid }, means);
  await tracker.register(description('own', { origin: 'registered' }), { pid: ended.pid }, means);
  await tracker.register(description('starting'), { pid }, { by: 'hook' });
  await ended.end();
  sink('docker').running([]);
  await eventually(() => !tracker.containers.has('ended'));
  assert.deepEqual([...tracker.containers.keys()], ['pod', 'own', 'starting']);
});

test("a controller's description of its own container is kept, until the controller removes it and the runtime's is used", async () => {
  const { tracker, sink, intake: checked } = intake();
  const { pid } = sleeper();
  await tracker.register(description('a', { origin: 'registered', name: 'own' }), { pid }, { by: 'registered' });
  sink('docker').started({ description: description('a'), pid });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(tracker.containers.get('a')?.name, 'own');
  await tracker.unregister('a');
  checked.check();
  await eventually(() => tracker.containers.get('a')?.name === 'name-of-a');
});

test('a container that is known under another id is protected and followed', async () => {
  const { tracker, sink, unprotected, logger, counts } = intake();
  const { pid } = sleeper();
  tracker.failure = invalidInput([{ field: 'namespaces', description: 'containers x and a cannot both have these' }]);
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => counts.retries > 0);
  assert.deepEqual([unprotected.list(), logger.warnings], [[], []]);
  tracker.failure = undefined;
  await eventually(() => tracker.containers.has('a'));
});

test('what it takes to take in the containers of a source grows with their number, no faster', async () => {
  const { pid } = sleeper();
  const costOf = async (count: number) => {
    const { tracker, sink, intake: made } = intake();
    const known = Array.from({ length: count }, (_, index) => ({ description: description(`${index}`), pid }));
    const before = process.cpuUsage();
    sink('docker').running(known);
    for (const container of known) sink('docker').started(container);
    await eventually(() => tracker.containers.size === count, 'all containers');
    made.stop();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  await costOf(500);
  const [few, many] = [await costOf(1000), await costOf(8000)];
  // Eight times as many; if each went through all of them it would be 64 times.
  assert.ok(many < 24 * few, `${few / 1000} ms for 1,000 and ${many / 1000} ms for 8,000`);
});
