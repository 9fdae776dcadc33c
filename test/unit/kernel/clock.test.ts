import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOffset } from '../../../src/kernel/clock.js';

test('the time of an event is the time of day as the clock stands now, not as it stood when the daemon started', () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const now = process.hrtime.bigint() + clockOffset();
  assert.ok(now >= before - 1_000_000n && now <= BigInt(Date.now() + 1) * 1_000_000n);
});
