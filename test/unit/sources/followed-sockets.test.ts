import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FLAGS } from '../../../src/config/flags.js';
import {
  DOCKER_SOCKET,
  type SocketSettings,
  socketsOfHost,
  socketsToFollow,
  unfollowed,
} from '../../../src/sources/followed-sockets.js';
import { sourceWarnings } from '../../../src/sources/source-warnings.js';

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** A directory with sockets that serves as the host's root. */
async function host(...paths: string[]): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'hb-'));
  for (const path of paths) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    const server = createServer().listen(join(root, path));
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
  }
  return root;
}

const AUTO: SocketSettings = {
  dockerSocket: DOCKER_SOCKET,
  criSocket: 'auto',
  podmanSocket: 'auto',
  nriSocket: 'auto',
};

test('by default all sockets at known paths are followed', async () => {
  const root = await host('/run/containerd/containerd.sock', '/run/podman/podman.sock', '/run/nri/nri.sock');
  const present = socketsOfHost([root]);
  assert.deepEqual(
    socketsToFollow(AUTO, present, [root]).map(({ kind, name, path }) => [kind, name, path.replace(root, '')]),
    [
      ['podman', 'podman', '/run/podman/podman.sock'],
      ['docker', 'docker', DOCKER_SOCKET],
      ['cri', 'containerd', '/run/containerd/containerd.sock'],
      ['nri', 'nri', '/run/nri/nri.sock'],
    ],
  );
  assert.deepEqual(unfollowed(present, socketsToFollow(AUTO, present, [root])), []);
});

test("Docker's socket of the host is found from inside a container", async () => {
  const root = await host('/run/docker.sock');
  const present = socketsOfHost([root]);
  const docker = socketsToFollow(AUTO, present, [root]).find(({ kind }) => kind === 'docker');
  assert.deepEqual(docker, { kind: 'docker', name: 'docker', path: `${root}/run/docker.sock`, isDetected: true });
});

test("podman's socket at Docker's path is recognised as podman's", async () => {
  const root = await host('/run/podman/podman.sock');
  symlinkSync(join(root, '/run/podman/podman.sock'), join(root, 'docker.sock'));
  const present = socketsOfHost([root]);
  const sockets = socketsToFollow({ ...AUTO, dockerSocket: join(root, 'docker.sock') }, present, [root]);
  assert.deepEqual(
    sockets.map(({ kind }) => kind),
    ['podman'],
  );
});

test('given paths are followed even if nothing is there, and off follows nothing', () => {
  const settings = {
    dockerSocket: 'off',
    podmanSocket: 'off',
    nriSocket: '/n.sock',
    criSocket: '/a.sock,/crio/b.sock',
  };
  assert.deepEqual(
    socketsToFollow(settings, [], ['']),
    [
      { kind: 'cri', name: 'containerd', path: '/a.sock' },
      { kind: 'cri', name: 'cri-o', path: '/crio/b.sock' },
      { kind: 'nri', name: 'nri', path: '/n.sock' },
    ].map((socket) => ({ ...socket, isDetected: false })),
  );
});

test('an existing runtime that is not followed causes a warning', async () => {
  const root = await host('/run/podman/podman.sock', '/run/containerd/containerd.sock');
  const present = socketsOfHost([root]);
  const [socket] = socketsToFollow({ ...AUTO, dockerSocket: 'off', podmanSocket: 'off', nriSocket: 'off' }, present, [
    root,
  ]);
  const cri = (isNotServed: boolean) => ({ socket: socket!, source: { isAbsent: isNotServed, isNotServed } });
  const warnings = (isNotServed: boolean, hasPodman = false) => sourceWarnings([cri(isNotServed)], present, hasPodman);
  const podman = `podman at ${root}/run/podman/podman.sock is not followed: its containers are not protected (see --podman-socket)`;
  assert.deepEqual(warnings(false), [podman]);
  assert.deepEqual(warnings(true), [
    podman,
    `containerd at ${socket!.path} serves no CRI: what is made with it otherwise is not protected`,
  ]);
  assert.match(warnings(false, true)[1] ?? '', /^podman is not followed: the labels/u);
  const docker = { ...socket!, kind: 'docker' as const };
  const followed = [cri(true), { socket: docker, source: { isAbsent: false, isNotServed: false } }];
  assert.deepEqual(sourceWarnings(followed, present, false), [podman]);
});

test('the flags accept exactly the valid settings', () => {
  const takes = (flag: string, value: string) => FLAGS[flag]!.pattern!.test(value);
  for (const value of ['auto', 'off', '/a.sock', '/a.sock,/b.sock']) assert.ok(takes('cri-socket', value), value);
  for (const value of ['', 'a.sock', '/a.sock,', '/a.sock,b', 'auto,/a']) assert.ok(!takes('cri-socket', value), value);
  for (const flag of ['podman-socket', 'nri-socket']) {
    for (const value of ['auto', 'off', '/a.sock']) assert.ok(takes(flag, value), value);
    assert.ok(!takes(flag, 'on'));
  }
  assert.ok(takes('hook-socket', 'off') && takes('hook-socket', '/a') && !takes('hook-socket', 'auto'));
});

test('a socket at another path is named after a directory or file with the exact name of its runtime', () => {
  const criSocket =
    '/tmp/hauberk-cri-ok/containerd.sock,/opt/crio/engine.sock,/opt/engine/cri-o.sock,/opt/my-crio/c.sock';
  const settings = { dockerSocket: 'off', criSocket, podmanSocket: 'off', nriSocket: 'off' };
  assert.deepEqual(
    socketsToFollow(settings, [], []).map(({ name }) => name),
    ['containerd', 'cri-o', 'cri-o', 'containerd'],
  );
});
