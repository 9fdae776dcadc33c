import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOffset } from '../../../src/kernel/clock.js';

test('the time of an event follows the clock even if it is set after the start of the daemon', () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const now = process.hrtime.bigint() + clockOffset();
  assert.ok(now >= before - 1_000_000n && now <= BigInt(Date.now() + 1) * 1_000_000n);
});
