import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostServiceClient } from '../../src/generated/hauberk/v1/host.js';
import { connectionBytes } from '../support/hostile-frames.js';
import { connectWith, serveGuarded } from '../unit/rpc/access-support.js';
import { answerOf } from '../unit/rpc/support.js';
import { seedOf } from './runs.js';

/** HAUBERK_FRAMES=20000 tries more. */
const CONNECTIONS = Number(process.env.HAUBERK_FRAMES ?? 400);

test('whatever frames a connection sends, nothing changes, and other clients are served', async (t) => {
  const { server, plane, logger } = await serveGuarded(t, { limits: { requestsPerSecond: 1_000_000 } });
  const path = server.address.slice('unix:'.length);
  const other = connectWith(t, HostServiceClient, server);
  const revision = plane.ledger.revision;
  await fc.assert(
    fc.asyncProperty(connectionBytes, async (bytes) => {
      const socket = connectSocket(path);
      socket.on('error', () => undefined);
      socket.resume();
      await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
      await answerOf(other, (client) => client.getStatus, {});
      socket.destroy();
    }),
    { numRuns: CONNECTIONS, seed: seedOf(`${CONNECTIONS} connections`), includeErrorInReport: true },
  );
  assert.equal(plane.ledger.revision, revision);
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === 'error'),
    [],
  );
});
