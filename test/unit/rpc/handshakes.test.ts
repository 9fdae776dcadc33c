import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import { clientCredentials, connectWith, serveTls, until } from './access-support.js';
import { answerOf } from './support.js';

const roles = { viewer: ['cn:dashboard'], operator: [], admin: [] };
const SILENT = 1024;

async function silentConnections(t: TestContext, address: string, number: number): Promise<Socket[]> {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return Promise.all(
    Array.from({ length: number }, async () => {
      const socket = connect(port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    }),
  );
}

test('with a thousand silent connections clients with a certificate are still served', async (t) => {
  const { server, authority, logger, counts } = await serveTls(t, { roles, limits: { connections: 64 } });
  const channel = clientCredentials(authority.pem, authority.issue('dashboard', '/CN=dashboard'));
  const silent = await silentConnections(t, server.address, SILENT);
  for (let time = 0; time < 20; time++) {
    const client = connectWith(t, HostServiceClient, server, channel);
    await answerOf(client, (c) => c.getStatus, {});
  }
  await until(() => silent.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length >= SILENT - 256);
  assert.ok(counts.refusals.filter((reason) => reason === 'handshake_evicted').length >= SILENT - 256);
  const lines = logger.lines.filter(({ fields }) => fields.audit === true);
  assert.ok(lines.length < 10, `${lines.length} lines`);
});

test('silent connections do not count as connections of clients', async (t) => {
  const { server, authority } = await serveTls(t, { roles, limits: { connections: 1 } });
  await silentConnections(t, server.address, 100);
  const channel = clientCredentials(authority.pem, authority.issue('dashboard', '/CN=dashboard'));
  await answerOf(connectWith(t, HostServiceClient, server, channel), (c) => c.getStatus, {});
});
