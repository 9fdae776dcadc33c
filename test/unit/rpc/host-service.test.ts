import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask, hostClient, serveAll } from './support.js';

describe('GetStatus', () => {
  test('tells how the daemon and its kernel are', async (t) => {
    const { server, plane } = await serveAll(t);
    plane.setStatus({ enforcing: false, reason: 'the maps disagree' });
    assert.deepEqual(await ask(hostClient(t, server), (c) => c.getStatus, {}), {
      version: '1.2.3',
      kernelRelease: '6.1.0-test',
      securityModules: ['capability', 'bpf'],
      enforcing: false,
      reason: 'the maps disagree',
      programs: ['hauberk_exec', 'hauberk_open'],
      policies: 0,
      containers: 0,
      images: 2,
      started: { seconds: 1714979289n, nanos: 123_000_000 },
      adopted: true,
      dockerConnected: false,
    });
  });
});
