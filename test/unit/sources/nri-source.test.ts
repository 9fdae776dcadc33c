import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ContainerIntake } from '../../../src/sources/container-intake.js';
import { ContainerStarts } from '../../../src/sources/container-starts.js';
import { describeCriContainer } from '../../../src/sources/cri-containers.js';
import { ConnectionLost } from '../../../src/sources/held-start.js';
import { HeldStarts, type StartingContainer } from '../../../src/sources/nri/held-starts.js';
import { nriConnectionOptions } from '../../../src/sources/nri-source.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { sleeper } from '../../support/memory-intake.js';
import { RecordingLogger } from '../../support/recording-sink.js';

/** Starts as NRI holds them, over a control plane whose kernel publishes when `publish` is called. */
function held(context: TestContext, whenUnanswered: 'refuse' | 'allow', exemptNamespaces: string[] = []) {
  const plane = new InMemoryControlPlane();
  const logger = new RecordingLogger();
  const { tracker, containers: registry, unprotected, intake: counts } = plane;
  const intake = new ContainerIntake({ tracker, registry, unprotected, counts, logger });
  context.after(() => {
    intake.stop();
    tracker.stop();
  });
  let publish = (): void => undefined;
  const published = new Promise<void>((resolve) => {
    publish = resolve;
  });
  plane.kernel.beforePublish = () => published;
  const facts = { describe: () => assert.fail('NRI describes containers itself') };
  const starts = new ContainerStarts({ intake, facts, registry, counts, logger, hostRoot: '' });
  const hookConfig = () => ({ whenUnanswered, exemptNamespaces, exemptNames: [], exemptImages: [] });
  const { onStart, onUnknown, whenUnprotected } = nriConnectionOptions({
    address: '',
    key: 'nri:',
    starts,
    hookConfig,
  });
  return { plane, logger, counts, publish, starts: new HeldStarts(onStart, onUnknown, whenUnprotected) };
}

function starting(): StartingContainer {
  const pod = { name: 'shop-1', uid: 'u', namespace: 'shop', labels: {} };
  return {
    description: describeCriContainer('a', 'app', pod),
    id: 'a',
    pid: sleeper().pid,
    name: 'app',
    podName: pod.name,
    podNamespace: pod.namespace,
    podUid: pod.uid,
    sandboxId: 's',
    labels: {},
    annotations: {},
  };
}

const LATE = 'not under its policies within 50 ms';

test('a container that NRI has let go on before its policies were in force is reported so, not as held', async (context) => {
  const { plane, logger, counts, publish, starts } = held(context, 'allow');
  await starts.hold(starting(), 100);
  assert.deepEqual(counts.starts, { protected: 0, ignored: 0, unprotected: 1 });
  assert.equal(counts.startsWithoutProtection, 1);
  const fields = { container: 'a', name: 'app', namespace: 'shop', source: 'nri', reason: LATE };
  assert.deepEqual(logger.warnings, [{ level: 'warn', fields, message: 'a container has started without protection' }]);
  publish();
  await eventually(() => plane.containers.get('a')?.protection?.by === 'event');
  assert.deepEqual(counts.starts, { protected: 0, ignored: 0, unprotected: 1 });
});

test('a container whose policies are in force in time was held by NRI', async (context) => {
  const { plane, counts, publish, starts } = held(context, 'allow');
  publish();
  await starts.hold(starting(), 2000);
  assert.equal(plane.containers.get('a')?.protection?.by, 'hook');
  assert.deepEqual(counts.starts, { protected: 1, ignored: 0, unprotected: 0 });
});

test('a late start is refused and logged, unless its namespace is exempt', async (context) => {
  const refusing = held(context, 'refuse');
  await assert.rejects(refusing.starts.hold(starting(), 100), { message: `Hauberk refuses the start: ${LATE}` });
  assert.deepEqual(
    refusing.logger.warnings.map(({ fields, message }) => [fields.name, message]),
    [['app', 'the start of a container is refused']],
  );
  assert.deepEqual([refusing.counts.refusedStarts, refusing.counts.startsWithoutProtection], [1, 0]);

  const exempting = held(context, 'refuse', ['shop']);
  await exempting.starts.hold(starting(), 100);
  assert.deepEqual([exempting.counts.refusedStarts, exempting.counts.startsWithoutProtection], [0, 1]);
  const stopping = exempting.starts.hold(starting(), 2000);
  exempting.starts.giveUp(new Error('hauberkd is stopping'));
  await stopping;
});

test('a held start that can no longer be refused, since the connection is lost, has started without protection', async (context) => {
  const { counts, logger, starts } = held(context, 'refuse');
  const start = starts.hold(starting(), 2000);
  starts.giveUp(new ConnectionLost('the runtime closed the connection'));
  await assert.rejects(start);
  await eventually(() => counts.starts.unprotected === 1);
  assert.deepEqual([counts.refusedStarts, counts.startsWithoutProtection], [0, 1]);
  assert.deepEqual(
    logger.warnings.map(({ fields, message }) => [fields.reason, message]),
    [['the runtime closed the connection', 'a container has started without protection']],
  );
});

test('starts of which the runtime names no pod or no process are counted and logged', async (context) => {
  const { counts, logger, starts } = held(context, 'refuse', ['shop']);
  await assert.rejects(starts.hold(undefined));
  await starts.hold({ ...starting(), pid: 0 });
  assert.deepEqual([counts.starts.unprotected, counts.failures.lookup], [2, 2]);
  assert.deepEqual([counts.refusedStarts, counts.startsWithoutProtection], [1, 1]);
  assert.deepEqual(
    logger.warnings.map(({ fields: { container, startsAnyway, reason } }) => [container, startsAnyway, reason]),
    [
      [undefined, false, 'the runtime names no pod of it'],
      ['a', true, 'the runtime names no process of it'],
    ],
  );
});
