import assert from 'node:assert/strict';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import koffi from 'koffi';
import { pino } from 'pino';
import { connect } from '../../src/client/index.js';
import { hostServiceOf } from '../../src/rpc/host-service.js';
import { startServer } from '../../src/rpc/server.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';

const libc = koffi.load('libc.so.6');
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** A listening socket, as a service manager opens it. */
function listeningSocket(path: string): number {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  const fd: number = libc.func('int socket(int domain, int type, int protocol)')(AF_UNIX, SOCK_STREAM, 0);
  assert.equal(libc.func('int bind(int fd, const void *address, uint32 length)')(fd, address, address.byteLength), 0);
  assert.equal(libc.func('int listen(int fd, int backlog)')(fd, 16), 0);
  return fd;
}

test('a socket that systemd has opened is served, also to clients that connected before, and stays when the server ends', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'hauberk-socket-')), 'hauberk.sock');
  const fd = listeningSocket(path);
  const client = connect({ address: `unix:${path}` });
  const early = client.host.getStatus();
  const services = [hostServiceOf(new InMemoryControlPlane().host)];
  const server = await startServer({
    listen: `unix:${path}`,
    inheritedSocket: fd,
    services,
    logger: pino({ level: 'silent' }),
  });
  assert.notEqual((await early).version, '');
  client.close();
  await server.shutdown(0);
  assert.equal(existsSync(path), true);
});
