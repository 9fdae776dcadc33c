import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Expiry } from '../../../src/control/expiry.js';
import type { PolicyRegistry } from '../../../src/control/policy-registry.js';

const NOW = Date.parse('2030-01-01T00:00:00Z');

/** Policies that end at these times. */
class Policies {
  failure: Error | undefined;
  readonly requested: number[] = [];

  constructor(public ends: readonly number[]) {}

  list() {
    return this.ends.map((expires) => ({ name: 'p', namespace: 'n', expires }));
  }

  async deleteExpired(now: number) {
    this.requested.push(now);
    if (this.failure !== undefined) throw this.failure;
    const gone = this.list().filter(({ expires }) => expires <= now);
    this.ends = this.ends.filter((end) => end > now);
    return { result: gone.map((policy) => ({ policy })), revision: 1 };
  }
}

function start(policies: Policies) {
  const lines: { msg: string; err?: { message: string }; policy?: string }[] = [];
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) });
  return { expiry: new Expiry(policies as unknown as PolicyRegistry, logger), lines };
}

test('policies are deleted when they expire, the earliest first, and that is logged', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW });
  const policies = new Policies([NOW + 30_000, NOW + 10_000]);
  const { expiry, lines } = start(policies);
  expiry.schedule();
  t.mock.timers.tick(9_999);
  assert.deepEqual(policies.requested, []);
  t.mock.timers.tick(1);
  t.mock.timers.tick(0);
  assert.deepEqual(policies.requested, [NOW + 10_000]);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  t.mock.timers.tick(20_000);
  assert.deepEqual(policies.requested, [NOW + 10_000, NOW + 30_000]);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.deepEqual(
    lines.map(({ msg, policy }) => [msg, policy]),
    [
      ['the policy has expired', 'n/p'],
      ['the policy has expired', 'n/p'],
    ],
  );
  t.mock.timers.tick(1_000_000);
  assert.equal(policies.requested.length, 2);
});

test('the clock is read once a minute, since it may be changed', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW });
  const policies = new Policies([NOW + 3_600_000]);
  const { expiry } = start(policies);
  expiry.schedule();
  t.mock.timers.tick(60_000);
  assert.deepEqual(policies.requested, [NOW + 60_000]);
});

test('a deletion that fails is logged with its cause and retried, until expiry is stopped', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW });
  const policies = new Policies([NOW - 1]);
  policies.failure = new Error('the disk is full');
  const { expiry, lines } = start(policies);
  expiry.schedule();
  t.mock.timers.tick(0);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.equal(lines[0]?.msg, 'cannot delete policies that have expired');
  assert.equal(lines[0]?.err?.message, 'the disk is full');
  t.mock.timers.tick(60_000);
  assert.equal(policies.requested.length, 2);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expiry.stop();
  t.mock.timers.tick(600_000);
  assert.equal(policies.requested.length, 2);
});

test('nothing expires after expiry is stopped, whatever changes then', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW });
  const policies = new Policies([NOW + 1000]);
  const { expiry } = start(policies);
  expiry.schedule();
  expiry.stop();
  expiry.schedule();
  t.mock.timers.tick(600_000);
  assert.deepEqual(policies.requested, []);
  // Even if one is being deleted when it is stopped.
  const failing = new Policies([NOW - 1]);
  failing.failure = new Error('the disk is full');
  const { expiry: other } = start(failing);
  other.schedule();
  t.mock.timers.tick(0);
  other.stop();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  t.mock.timers.tick(600_000);
  assert.equal(failing.requested.length, 1);
});
