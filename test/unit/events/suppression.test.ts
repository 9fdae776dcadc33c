import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import type { SecurityEvent } from '../../../src/events/event.js';
import { SuppressionWatch } from '../../../src/events/suppression.js';

const namespaces = { pidNamespace: 1, mountNamespace: 2 };
const container: Container = {
  id: 'c1',
  name: 'web-1',
  namespace: 'shop',
  labels: { app: 'web' },
  origin: 'registered',
  namespaces,
  links: {},
};

beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
afterEach(() => mock.timers.reset());

function watch(before: ReadonlyMap<string, number> = new Map()) {
  const published: SecurityEvent[] = [];
  const held = { count: 0, requested: 0 };
  const watched = new SuppressionWatch(
    before,
    () => {
      held.requested++;
      return held.count;
    },
    () => container,
    (summaries) => published.push(...summaries),
    () => 5n,
  );
  return { watched, published, held };
}

test('a flood is summed up once a second until it ends', () => {
  const { watched, published, held } = watch();
  watched.tokensRanOut(namespaces);
  watched.tokensRanOut(namespaces);
  held.count = 30;
  mock.timers.tick(1000);
  held.count = 50;
  mock.timers.tick(1000);
  mock.timers.tick(10_000);
  assert.deepEqual(
    published.map(({ suppressed, containerId, namespace, policy, time }) => [
      suppressed,
      containerId,
      namespace,
      policy,
      time,
    ]),
    [
      [30, 'c1', 'shop', 'RateLimit', 5n],
      [20, 'c1', 'shop', 'RateLimit', 5n],
    ],
  );
  assert.equal(held.requested, 3);
});

test('a later flood is counted from the end of the one before', () => {
  const { watched, published, held } = watch(new Map([['1:2', 7]]));
  held.count = 10;
  watched.tokensRanOut(namespaces);
  mock.timers.tick(2000);
  held.count = 14;
  watched.tokensRanOut(namespaces);
  mock.timers.tick(2000);
  assert.deepEqual(
    published.map(({ suppressed }) => suppressed),
    [3, 4],
  );
  watched.stop();
});
