import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlertThrottle } from '../../../src/events/alert-throttle.js';
import type { SecurityEvent } from '../../../src/events/event.js';
import { RATE_LIMIT } from '../../../src/events/suppression.js';
import { makeEvent } from './support.js';

const SECOND = 1_000_000_000n;

test('a container above the threshold is silenced, which is reported, and others continue', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const later: SecurityEvent[] = [];
  const dropped: SecurityEvent[] = [];
  const throttle = new AlertThrottle(
    { perSecond: 2, silence: 30 },
    (events) => later.push(...events),
    () => 40n * SECOND,
    (events) => dropped.push(...events),
  );
  const at = (second: bigint, containerId = 'c1') => makeEvent({ containerId, time: second * SECOND });
  assert.equal(throttle.take([at(1n), at(1n)]).length, 2);
  const [reported, ...others] = throttle.take([at(1n), at(1n), at(1n)]);
  assert.deepEqual([reported!.policy, reported!.containerId, others.length], [RATE_LIMIT, 'c1', 0]);
  // Each dropped event is counted.
  assert.deepEqual([throttle.dropped, dropped.length], [3, 3]);
  assert.match(reported!.message, /more than 2 events .* silent for 30 seconds/u);
  // Also in the following seconds, but no other container.
  assert.deepEqual(throttle.take([at(5n)]), []);
  assert.equal(throttle.take([at(5n, 'c2')]).length, 1);
  t.mock.timers.tick(30_000);
  assert.deepEqual(
    later.map(({ policy, suppressed, time }) => [policy, suppressed, time]),
    [[RATE_LIMIT, 4, 40n * SECOND]],
  );
  assert.equal(throttle.take([at(40n)]).length, 1);
});

test('events in several seconds do not add up, and without a threshold nothing is dropped', () => {
  const none = () => assert.fail('nothing is to be reported');
  const throttle = new AlertThrottle({ perSecond: 1, silence: 30 }, none, () => 0n);
  for (const second of [1n, 2n, 3n]) assert.equal(throttle.take([makeEvent({ time: second * SECOND })]).length, 1);
  const unlimited = new AlertThrottle({ perSecond: 0, silence: 30 }, none, () => 0n);
  const flood = Array.from({ length: 5000 }, () => makeEvent());
  assert.equal(unlimited.take(flood), flood);
});
