import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { ConnectionLost } from '../../../src/sources/held-start.js';
import { eventually } from '../../support/eventually.js';
import { description, HELD, intake, sleeper } from '../../support/memory-intake.js';

const HOOK = { key: 'hook', name: 'hook', origin: 'docker' } as const;
const NRI = { key: 'nri:', name: 'nri', origin: 'cri' } as const;

test('a held start is answered once its container is visible; later changes come by events', async () => {
  const { tracker, sink, intake: held } = intake();
  const { pid } = sleeper();
  const seen: string[] = [];
  const start = {
    container: { description: description('a'), pid },
    root: '/b/rootfs',
    startsAnyway: false,
    held: HELD,
  };
  await held.takeInStarting(HOOK, { ...start, onVisible: () => seen.push('visible') });
  assert.deepEqual(seen, ['visible']);
  sink('docker').started({ description: description('a'), pid });
  sink('docker').started({ description: description('a', { labels: { app: 'web' } }), pid });
  await eventually(() => tracker.containers.get('a')?.labels.app === 'web');
  assert.deepEqual(tracker.calls, ['register a name-of-a by hook first /b/rootfs', 'register a name-of-a by event']);
});

test('a failed registration is retried if the container starts all the same, and forgotten if it is refused', async () => {
  const { tracker, unprotected, counts, intake: held } = intake();
  const { pid } = sleeper();
  const start = (id: string, startsAnyway: boolean) =>
    held.takeInStarting(HOOK, {
      container: { description: description(id), pid },
      startsAnyway,
      held: HELD,
      onVisible: () => assert.fail('not visible'),
    });
  tracker.failure = new Error('full');
  await assert.rejects(start('refused', false), /full/u);
  assert.deepEqual([unprotected.list(), counts.failures.store], [[], 1]);
  await assert.rejects(start('allowed', true), /full/u);
  assert.equal(unprotected.list().length, 1);
  tracker.failure = undefined;
  await eventually(() => tracker.containers.has('allowed'));
  assert.equal(tracker.containers.has('refused'), false);
});

test('a refused start whose connection is lost meanwhile is retried, since the container starts all the same', async () => {
  const { tracker, unprotected, counts, intake: held } = intake();
  const lost = new AbortController();
  const container = { description: description('a'), pid: sleeper().pid };
  tracker.failure = new Error('full');
  const start = held.takeInStarting(NRI, {
    ...{ container, startsAnyway: false, held: lost.signal },
    onVisible: () => assert.fail('not visible'),
  });
  lost.abort(new ConnectionLost('the runtime closed the connection'));
  await assert.rejects(start, /full/u);
  assert.deepEqual([unprotected.get('a')?.reason, counts.failures.store], ['full', 1]);
  tracker.failure = undefined;
  await eventually(() => tracker.containers.has('a'));
  held.stop();
});

for (const source of ['cri', NRI.key])
  test(`a start that was to be refused is retried once ${source} reports that the container runs`, async () => {
    const { tracker, unprotected, intake: held } = intake();
    const { pid } = sleeper();
    let fail = (_: Error): void => undefined;
    tracker.gate = new Promise((_, reject) => {
      fail = reject;
    });
    const container = { description: description('a'), pid };
    const start = held.takeInStarting(NRI, {
      ...{ container, startsAnyway: false, held: HELD },
      onVisible: () => assert.fail('not visible'),
    });
    held.sinkOf({ key: source, name: source, origin: 'cri' }).running([{ description: description('a'), pid }]);
    fail(new Error('full'));
    await assert.rejects(start, /full/u);
    assert.equal(unprotected.get('a')?.reason, 'full');
    tracker.gate = Promise.resolve();
    await eventually(() => tracker.containers.has('a'));
    held.stop();
  });

test('the end of an earlier run of a container does not remove a later run', async () => {
  const { tracker, sink, intake: held } = intake();
  const before = sleeper();
  sink('docker').started({ description: description('a'), pid: before.pid });
  await eventually(() => tracker.containers.has('a'));
  await before.end();
  const { pid } = sleeper();
  const container = { description: description('a'), pid };
  await held.takeInStarting(HOOK, { container, startsAnyway: false, held: HELD, onVisible: () => undefined });
  sink('docker').ended('a');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(tracker.containers.get('a')?.process?.pid, pid);
});

test("a controller's description of a container is kept when a hook reports it, and the start is not held", async () => {
  const { tracker, intake: held } = intake();
  const { pid } = sleeper();
  await tracker.register(description('a', { origin: 'registered', name: 'own' }), { pid }, { by: 'registered' });
  const seen: string[] = [];
  const start = { container: { description: description('a'), pid }, startsAnyway: false, held: HELD };
  await held.takeInStarting(HOOK, { ...start, onVisible: () => seen.push('visible') });
  assert.deepEqual([seen, tracker.containers.get('a')?.name], [['visible'], 'own']);
});

test('a start is not refused where the container is protected under another id', async () => {
  const { tracker, counts, unprotected, intake: held } = intake();
  tracker.failure = new Failure('already-exists', 'container pod-x (registered) has the namespaces of a');
  const start = { container: { description: description('a'), pid: sleeper().pid }, startsAnyway: false, held: HELD };
  await held.takeInStarting(HOOK, { ...start, onVisible: () => undefined });
  assert.deepEqual([unprotected.list(), counts.failures.kernel], [[], 0]);
  held.stop();
});
