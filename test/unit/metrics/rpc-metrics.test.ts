import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { RpcMetrics } from '../../../src/metrics/rpc-metrics.js';

test('the metrics of the API count calls, refusals and certificate reloads', async () => {
  const registry = new Registry();
  const metrics = new RpcMetrics(registry);
  metrics.requestEnded('/a.B/C', 'OK');
  metrics.requestEnded('/a.B/C', 'OK');
  metrics.requestEnded('/a.B/C', 'NOT_FOUND');
  metrics.refused('role');
  metrics.certificatesReloaded('ok');
  const lines = (await registry.metrics())
    .split('\n')
    .filter((line) => /[^#].* [1-9]/u.test(line) && !line.startsWith('#'));
  assert.deepEqual(lines, [
    'hauberk_rpc_requests_total{method="/a.B/C",code="OK"} 2',
    'hauberk_rpc_requests_total{method="/a.B/C",code="NOT_FOUND"} 1',
    'hauberk_rpc_refused_total{reason="role"} 1',
    'hauberk_certificate_reloads_total{result="ok"} 1',
  ]);
});
