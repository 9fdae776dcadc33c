import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { IntegrityWatch } from '../../../src/control/integrity-watch.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { RecordingLogger } from '../../support/recording-sink.js';

async function watched(containers: number) {
  const ids = Array.from({ length: containers }, (_, index) => `c${index}`);
  const plane = new InMemoryControlPlane({
    ...NOTHING_DESIRED,
    containers: new Map(
      ids.map((id, index) => [
        id,
        {
          ...{ id, name: id, namespace: 'default', labels: {}, origin: 'registered' as const, links: {} },
          namespaces: { pidNamespace: 100 + index, mountNamespace: 5000 + index },
        },
      ]),
    ),
  });
  await plane.ledger.start([]);
  const logger = new RecordingLogger();
  const watch = new IntegrityWatch(plane.kernel, plane.enforcement, plane.ledger, logger, () => {
    plane.kernelProblem = watch.problem;
    plane.host.announce();
  });
  return { plane, watch, logger };
}

test('nothing is done or logged while the kernel has what was published', async () => {
  const { plane, watch, logger } = await watched(3);
  const before = new Map(plane.kernel.published);
  await watch.look();
  assert.deepEqual(plane.kernel.published, before);
  assert.deepEqual([logger.lines, watch.counts], [[], { pinsAndSettings: 0, containers: 0 }]);
});

test("containers that are removed from the kernel's map are restored, and that is reported", async () => {
  const { plane, watch, logger } = await watched(1200);
  const before = new Map(plane.kernel.published);
  plane.kernel.published.clear();
  await watch.look();
  assert.deepEqual(plane.kernel.published, before);
  assert.equal(watch.counts.containers, 1200);
  assert.equal(logger.lines.length, 1);
  assert.equal(plane.host.status().enforcing, true);
});

test('a container beyond those that are checked in one turn is checked in the next', async () => {
  const { plane, watch } = await watched(1200);
  const [last] = [...plane.kernel.published].at(-1)!;
  plane.kernel.published.delete(last);
  await watch.look();
  assert.equal(plane.kernel.published.has(last), false);
  await watch.look();
  assert.equal(plane.kernel.published.has(last), true);
});

test('a restoration that the kernel refuses is retried, and the daemon is NOT_SERVING meanwhile', async () => {
  const { plane, watch } = await watched(1);
  plane.kernel.published.clear();
  plane.kernel.failure = new Error('no memory');
  await watch.look();
  assert.match(plane.host.status().reason, /did not take .*no memory/);
  plane.kernel.failure = undefined;
  const deadline = Date.now() + 10_000;
  while (plane.kernel.published.size === 0 && Date.now() < deadline) await new Promise((wait) => setTimeout(wait, 50));
  assert.deepEqual([plane.kernel.published.size, plane.host.status().enforcing], [1, true]);
});

test('restored pins are reported, and while pins cannot be restored the daemon is NOT_SERVING for that reason', async () => {
  const { plane, watch, logger } = await watched(1);
  plane.kernel.changed = ['the pin /sys/fs/bpf/hauberk/maps/containers'];
  await watch.look();
  assert.equal(watch.counts.pinsAndSettings, 1);
  assert.equal(logger.lines.length, 1);
  plane.kernel.changed = new Error('cannot pin: ENOENT');
  await watch.look();
  await watch.look();
  const { enforcing, reason } = plane.host.status();
  assert.deepEqual(
    [enforcing, reason],
    [false, 'others have changed the enforcement in the kernel: cannot pin: ENOENT'],
  );
  assert.equal(logger.lines.length, 2);
  plane.kernel.changed = [];
  await watch.look();
  assert.equal(plane.host.status().enforcing, true);
});

test('it checks every few seconds from its start until its end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { plane, watch } = await watched(0);
  let looks = 0;
  plane.kernel.restore = () => {
    looks++;
    return [];
  };
  t.mock.timers.tick(10_000);
  assert.equal(looks, 0);
  watch.start();
  t.mock.timers.tick(2999);
  assert.equal(looks, 0);
  t.mock.timers.tick(1);
  assert.equal(looks, 1);
  watch.stop();
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(10_000);
  assert.equal(looks, 1);
});
