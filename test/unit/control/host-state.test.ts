import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { HostState, type HostStatus } from '../../../src/control/host-state.js';
import type { StoreProblem } from '../../../src/control/store-status.js';
import { MemoryKernel } from '../../support/in-memory-control-plane.js';

/** A host with faults that a test sets. */
function start() {
  const wrong: { divergence?: string; kernel?: string; store?: StoreProblem } = {};
  const enforcement = {
    get divergence() {
      return wrong.divergence;
    },
    imageCount: 3,
    leftOut: new Map([['c1', ['n/p']]]),
  };
  const ledger = {
    desired: NOTHING_DESIRED,
    revision: 7,
    enforcedRevision: 6,
    whenEnforced: async (revision: number) => revision,
  };
  const host = new HostState(new MemoryKernel(), enforcement, ledger, {
    kernelProblem: () => wrong.kernel,
    storeProblem: () => wrong.store,
    sources: () => [],
    warnings: () => ['something else'],
    unprotected: () => [],
  });
  return { host, wrong };
}

const damage = { cause: 'damaged', reason: 'the state is damaged' } as unknown as StoreProblem;
const full = { cause: 'full', reason: 'the disk is full' } as unknown as StoreProblem;

test('a host enforces while nothing is wrong with the kernel', () => {
  const { host } = start();
  const { enforcing, reason, revision, enforcedRevision, images, warnings, leftOut } = host.status();
  assert.deepEqual([enforcing, reason, revision, enforcedRevision, images], [true, '', 7, 6, 3]);
  assert.deepEqual([warnings, [...leftOut]], [['something else'], [['c1', ['n/p']]]]);
  assert.equal('storeProblem' in host.status(), false);
});

test('the reason for not enforcing is reported, a damaged state before a refusal of the kernel', () => {
  const { host, wrong } = start();
  const shown = () => [host.status().enforcing, host.status().reason];
  wrong.kernel = 'a pin is gone';
  assert.deepEqual(shown(), [false, 'a pin is gone']);
  wrong.divergence = 'no memory';
  assert.deepEqual(shown(), [false, 'no memory']);
  wrong.store = damage;
  assert.deepEqual(shown(), [false, damage.reason]);
});

test('changes that cannot be stored cause a warning, and the enforcement continues', () => {
  const { host, wrong } = start();
  wrong.store = full;
  const { enforcing, storeProblem, warnings } = host.status();
  assert.deepEqual([enforcing, storeProblem, warnings], [true, full, [full.reason, 'something else']]);
});

test('listeners get the current state, until they stop listening', async () => {
  const { host, wrong } = start();
  const reported: HostStatus[] = [];
  const stop = host.onStatusChange((status) => reported.push(status));
  host.announce();
  wrong.kernel = 'a pin is gone';
  host.announce();
  stop();
  host.announce();
  assert.deepEqual(
    reported.map(({ enforcing }) => enforcing),
    [true, false],
  );
  assert.equal(await host.whenEnforced(5, AbortSignal.timeout(1000)), 5);
});
