import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import type { StartingContainer } from '../../../src/sources/container-intake.js';
import { ContainerStarts } from '../../../src/sources/container-starts.js';
import { readHookRequest } from '../../../src/sources/hook-request.js';
import type { Reporter } from '../../../src/sources/known-container.js';
import { hookRequest } from '../../support/hook-client.js';
import { RecordingLogger, RecordingSink } from '../../support/recording-sink.js';

const DESCRIPTION = { id: 'a', name: 'web', namespace: 'default', labels: {}, origin: 'docker' } as const;

/** @param takeIn what registering a container does */
function starts(
  takeIn: (container: StartingContainer) => Promise<void>,
  describe: () => Promise<typeof DESCRIPTION | undefined> = async () => DESCRIPTION,
) {
  const counts = new IntakeCounts();
  const logger = new RecordingLogger();
  const leftOut: string[] = [];
  const taken: [Reporter, StartingContainer][] = [];
  const intake = {
    takeInStarting: (reporter: Reporter, container: StartingContainer) => {
      taken.push([reporter, container]);
      return takeIn(container);
    },
    sinkOf: () => new RecordingSink(),
  };
  const made = new ContainerStarts({
    intake,
    facts: { describe },
    registry: { leftOutOf: () => leftOut },
    counts,
    logger,
    // Seen from there this process has another root, like one that has switched to its container's.
    hostRoot: '/proc',
  });
  const ask = (onFailure = 'refuse', deadline?: number) =>
    made.answer(
      readHookRequest(JSON.stringify(hookRequest({ on_failure: onFailure, runtime: 'crio', deadline_ms: deadline }))),
    );
  return { ask, made, counts, logger, leftOut, taken };
}

test('the answer is sent when the container is visible, not when everything is done', async () => {
  const { ask, taken } = starts(({ onVisible }) => {
    onVisible();
    return new Promise(() => undefined);
  });
  assert.deepEqual(await ask(), { outcome: 'protected' });
  const [[reporter, { container, root, startsAnyway }]] = taken as [(typeof taken)[0]];
  assert.deepEqual(reporter, { key: 'hook', name: 'hook', origin: 'cri' });
  assert.deepEqual([container, root, startsAnyway], [{ description: DESCRIPTION, pid: process.pid }, undefined, false]);
});

test('a failure after the container was visible has no effect, and an earlier one is the answer', async () => {
  const late = starts(async ({ onVisible }) => {
    onVisible();
    throw new Error('the grace period never ends');
  });
  assert.deepEqual(await late.ask(), { outcome: 'protected' });
  assert.deepEqual(late.counts.starts, { protected: 1, ignored: 0, unprotected: 0 });
  const early = starts(() => Promise.reject(new Error('full', { cause: new Error('ENOSPC') })));
  assert.deepEqual(await early.ask('allow'), { outcome: 'unprotected', reason: 'full: ENOSPC' });
  assert.deepEqual([early.counts.starts.unprotected, early.counts.refusedStarts], [1, 0]);
});

test('a container with a policy that is not in force is not protected', async () => {
  const { ask, leftOut, counts } = starts(async ({ onVisible }) => onVisible());
  leftOut.push('default/large', 'default/larger');
  assert.deepEqual(await ask(), {
    outcome: 'unprotected',
    reason: 'its policies do not compile together: default/large, default/larger would not be in force',
  });
  assert.equal(counts.refusedStarts, 1);
});

test("a pod's pause container is ignored", async () => {
  const { ask, counts, taken } = starts(
    () => assert.fail('it is no workload'),
    async () => undefined,
  );
  assert.equal((await ask()).outcome, 'ignored');
  assert.deepEqual([counts.starts.ignored, taken.length], [1, 0]);
});

test("a start that is not protected by the hook's deadline is answered as unprotected", async () => {
  const { ask, counts, taken } = starts(() => new Promise(() => undefined));
  const now = Number(process.hrtime.bigint() / 1_000_000n);
  const late = { outcome: 'unprotected', reason: 'it was not under its policies in time' };
  assert.deepEqual(await ask('allow', now + 150), late);
  assert.ok(Number(process.hrtime.bigint() / 1_000_000n) < now + 150 + 1000);
  assert.deepEqual(await ask('allow', now - 1000), late);
  assert.deepEqual(await ask('refuse', now - 1000), late);
  assert.deepEqual([counts.starts.unprotected, counts.refusedStarts], [3, 1]);
  assert.deepEqual(
    taken.map(([, { held }]) => held.aborted),
    [true, true, true],
  );
  // The hook records itself what it lets start.
  assert.equal(counts.startsWithoutProtection, 0);
});

test('a start that is visible before its deadline stays protected after it', async () => {
  const { ask, taken } = starts(async ({ onVisible }) => onVisible());
  const soon = Number(process.hrtime.bigint() / 1_000_000n) + 200;
  assert.deepEqual(await ask('refuse', soon), { outcome: 'protected' });
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(taken[0]?.[1].held.aborted, false);
});

test('a refused start is logged with its name and reason, and one that NRI lets go on is counted too', async () => {
  const { ask, made, counts, logger } = starts(() => Promise.reject(new Error('full')));
  await ask('refuse');
  await ask('allow');
  const fields = { container: 'a', name: 'web', namespace: 'default', source: 'hook', reason: 'full' };
  assert.deepEqual(logger.lines, [{ level: 'warn', fields, message: 'the start of a container is refused' }]);
  const reporter = { key: 'nri:/socket', name: 'nri', origin: 'cri' } as const;
  const { signal: held } = new AbortController();
  await made.protect({ reporter, container: { description: DESCRIPTION, pid: 7 }, startsAnyway: true, held });
  const message = 'a container has started without protection';
  assert.deepEqual(logger.lines.slice(1), [{ level: 'warn', fields: { ...fields, source: 'nri' }, message }]);
  assert.deepEqual([counts.refusedStarts, counts.startsWithoutProtection], [1, 1]);
});
