import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MissingHookCause } from '../../../src/generated/hauberk/v1/host.js';
import { WEB, WEB_NAMESPACES } from '../../support/in-memory-control-plane.js';
import { answerOf, hostClient, manifest, policyClient, refusal, serveAll } from './support.js';

describe('GetStatus', () => {
  test('returns the state of the daemon and its kernel', async (t) => {
    const { server, plane } = await serveAll(t);
    plane.host.setStatus({ enforcing: false, reason: 'the maps disagree' });
    assert.deepEqual(await answerOf(hostClient(t, server), (c) => c.getStatus, {}), {
      version: '1.2.3',
      kernelRelease: '6.1.0-test',
      securityModules: ['capability', 'bpf'],
      enforcing: false,
      reason: 'the maps disagree',
      programs: ['hauberk_exec', 'hauberk_open'],
      missingHooks: [],
      kernelTested: true,
      policies: 0,
      containers: 0,
      images: 0,
      started: { seconds: 1714979289n, nanos: 123_000_000 },
      adopted: true,
      sources: [],
      warnings: [],
      unprotectedContainers: 0,
      revision: 0n,
      enforcedRevision: 0n,
    });
  });
});

test('GetStatus and ApplyPolicy report what a missing hook leaves uncovered', async (t) => {
  const { server, plane } = await serveAll(t);
  const source = { $case: 'manifest', value: manifest('one') } as const;
  const request = { source, expectedVersions: {}, force: false };
  const before = await answerOf(policyClient(t, server), (c) => c.validatePolicy, request);
  plane.kernel.missingHooks = [
    { program: 'hauberk_file_open', hook: 'file_open', cause: 'not_attached', reason: 'EBUSY' },
  ];
  const { missingHooks } = await answerOf(hostClient(t, server), (c) => c.getStatus, {});
  assert.deepEqual(
    missingHooks.map(({ hook, cause, notCovered }) => [hook, cause, notCovered.length]),
    [['file_open', MissingHookCause.NOT_ATTACHED, 7]],
  );
  const { changes } = await answerOf(policyClient(t, server), (c) => c.applyPolicy, request);
  const added = changes[0]!.warnings.filter((warning) => !before.changes[0]!.warnings.includes(warning));
  assert.match(
    added.join(),
    /is not wholly in force: hook file_open is missing, so nothing decides about opening files/u,
  );
});

describe('WaitForRevision', () => {
  test('returns at once for an enforced revision, and later for a future one', async (t) => {
    const { server } = await serveAll(t);
    const host = hostClient(t, server);
    const wait = (revision: bigint) => answerOf(host, (c) => c.waitForRevision, { revision });
    assert.deepEqual(await wait(0n), { enforcedRevision: 0n });
    const later = wait(1n);
    const source = { $case: 'manifest', value: manifest('one') } as const;
    const applied = await answerOf(policyClient(t, server), (c) => c.applyPolicy, {
      source,
      expectedVersions: {},
      force: false,
    });
    assert.equal(applied.revision, 1n);
    assert.deepEqual(await later, { enforcedRevision: 1n });
  });

  test('a change that the kernel refused is reported, and waited for until it succeeds', async (t) => {
    const { server, plane } = await serveAll(t);
    await plane.tracker.register(WEB, WEB_NAMESPACES);
    plane.kernel.failure = new Error('no memory');
    const source = { $case: 'manifest', value: manifest('one') } as const;
    const refused = await refusal(
      answerOf(policyClient(t, server), (c) => c.applyPolicy, { source, expectedVersions: {}, force: false }),
    );
    assert.equal(refused.code, 'INTERNAL');
    const { enforcing, revision, enforcedRevision } = plane.host.status();
    assert.deepEqual([enforcing, revision, enforcedRevision], [false, 2, 1]);
    const waiting = answerOf(hostClient(t, server), (c) => c.waitForRevision, { revision: 2n });
    plane.kernel.failure = undefined;
    assert.deepEqual(await waiting, { enforcedRevision: 2n });
    assert.equal(plane.host.status().enforcing, true);
  });
});
