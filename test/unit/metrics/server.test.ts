import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { startMetricsServer } from '../../../src/metrics/server.js';

test('metrics are read by GET and HEAD, with whatever query, and nothing else is there', async (t) => {
  const server = await startMetricsServer('127.0.0.1:0', new Registry());
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const statusOf = async (method: string, path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { connection: 'close' } })).status;
  assert.equal(await statusOf('GET', '/metrics'), 200);
  assert.equal(await statusOf('HEAD', '/metrics'), 200);
  assert.equal(await statusOf('GET', '/metrics?name[]=up'), 200);
  assert.equal(await statusOf('GET', '/other'), 404);
  assert.equal(await statusOf('POST', '/metrics'), 404);
});
