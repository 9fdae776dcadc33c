import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RateLimit } from '../../../../src/rpc/access/rate-limit.js';

function limitAt(requestsPerSecond: number) {
  const clock = { now: 0 };
  return { clock, limit: new RateLimit(requestsPerSecond, () => clock.now) };
}

const allowedOf = (limit: RateLimit, client: string, times: number) =>
  Array.from({ length: times }, () => limit.take(client)).filter((wait) => wait === undefined).length;

describe('the rate limit', () => {
  test('allows a burst of two seconds, then the given number a second', () => {
    const { clock, limit } = limitAt(10);
    assert.equal(allowedOf(limit, 'a', 50), 20);
    clock.now = 1000;
    assert.equal(allowedOf(limit, 'a', 50), 10);
    clock.now = 60_000;
    assert.equal(allowedOf(limit, 'a', 50), 20);
  });

  test('reports the time until the next request, which it then allows', () => {
    const { clock, limit } = limitAt(10);
    allowedOf(limit, 'a', 20);
    assert.equal(limit.take('a'), 100);
    clock.now = 40;
    assert.equal(limit.take('a'), 60);
    clock.now = 100;
    assert.equal(limit.take('a'), undefined);
  });

  test('counts each client separately', () => {
    const { limit } = limitAt(1);
    assert.equal(allowedOf(limit, 'a', 5), 2);
    assert.equal(allowedOf(limit, 'b', 5), 2);
  });

  test('forgets idle clients, but not those that have used up their burst', () => {
    const { clock, limit } = limitAt(1);
    for (let client = 0; client < 1024; client++) limit.take(`${client}`);
    assert.equal(limit.clients, 1024);
    clock.now = 1000;
    allowedOf(limit, '7', 5);
    limit.take('new');
    assert.equal(limit.clients, 2);
    assert.equal(limit.take('7'), 1000);
  });
});
