import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { presentSockets } from '../../../src/sources/known-sockets.js';

const root = mkdtempSync(join(tmpdir(), 'sockets-'));
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});

async function listen(path: string): Promise<void> {
  mkdirSync(join(root, path, '..'), { recursive: true });
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(join(root, path), resolve));
}

test('runtimes are found by existing sockets, each once, but not by links to the socket of another', async () => {
  await listen('run/podman/podman.sock');
  await listen('run/k3s/containerd/containerd.sock');
  await listen('run/crio/crio.sock');
  symlinkSync('podman/podman.sock', join(root, 'run/docker.sock'));
  mkdirSync(join(root, 'var'));
  symlinkSync('../run', join(root, 'var/run'));
  mkdirSync(join(root, 'run/containerd'));
  writeFileSync(join(root, 'run/containerd/containerd.sock'), 'no socket');
  assert.deepEqual(presentSockets(root), [
    { name: 'k3s', origin: 'cri', path: join(root, 'run/k3s/containerd/containerd.sock') },
    { name: 'cri-o', origin: 'cri', path: join(root, 'run/crio/crio.sock') },
    { name: 'podman', origin: 'podman', path: join(root, 'run/podman/podman.sock') },
  ]);
});
