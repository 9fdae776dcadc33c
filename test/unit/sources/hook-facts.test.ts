import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBundle, rootBeforeSwitch } from '../../../src/sources/hook-bundle.js';
import { type CriFacts, HookFacts } from '../../../src/sources/hook-facts.js';
import { type HookRequest, readHookRequest } from '../../../src/sources/hook-request.js';
import { FakeDocker } from '../../support/fake-docker.js';
import { hookRequest } from '../../support/hook-client.js';

const NAMED = { 'hauberk.io/container.name': 'web', 'kubearmor.io/container.name': 'web' };

function request(change: Parameters<typeof hookRequest>[0]): HookRequest {
  return readHookRequest(JSON.stringify(hookRequest(change)));
}

/** A tree of the host's files, with a bundle at /bundle. */
function hostRoot(files: Record<string, unknown>): string {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(content));
  }
  return root;
}

test("a container that is being started is found in Docker's list, which waits for no lock", async () => {
  const docker = new FakeDocker();
  docker.containers.set('a', { pid: 0, name: 'web', labels: { app: 'shop' }, isStopped: true });
  docker.containers.set('b', { pid: 0, name: 'other', isStopped: true });
  docker.locked.set('a', new Promise(() => undefined));
  await docker.listen();
  const facts = new HookFacts({ dockerSocket: () => docker.socketPath, cri: () => [], hostRoot: '' });
  assert.deepEqual(await facts.describe(request({})), {
    id: 'a',
    name: 'web',
    namespace: 'default',
    labels: { app: 'shop', ...NAMED },
    origin: 'docker',
  });
  assert.deepEqual(docker.calls, ['/containers/json']);
  docker.close();
});

test('if Docker does not answer its files are read, wherever its root directory is', async () => {
  const file = { Name: '/web', Config: { Labels: { app: 'shop', 'io.kubernetes.pod.namespace': 'kube-system' } } };
  const mounts = [{ source: 'proc' }, { source: '/data/docker/containers/a/hosts' }];
  const described = {
    id: 'a',
    name: 'web',
    namespace: 'default',
    labels: { app: 'shop', ...NAMED },
    origin: 'docker',
  };
  for (const files of [
    { '/bundle/config.json': { mounts }, '/data/docker/containers/a/config.v2.json': file },
    { '/bundle/config.json': {}, '/var/lib/docker/containers/a/config.v2.json': file },
  ]) {
    const facts = new HookFacts({
      dockerSocket: () => '/nowhere/docker.sock',
      cri: () => [],
      hostRoot: hostRoot(files),
    });
    assert.deepEqual(await facts.describe(request({ state: { bundle: '/bundle' } })), described);
  }
});

test('a container that no source knows is an error with every cause', async () => {
  const facts = new HookFacts({ dockerSocket: () => '/nowhere/docker.sock', cri: () => [], hostRoot: hostRoot({}) });
  await assert.rejects(
    facts.describe(request({ state: { bundle: '/bundle' } })),
    /^Error: Docker's files do not report it: ENOENT.*config\.json.*; nor does Docker: connect ENOENT/u,
  );
  await assert.rejects(facts.describe(request({ runtime: 'podman' })), /containers\.json/u);
  await assert.rejects(facts.describe(request({ runtime: 'crio' })), /no CRI runtime is followed/u);
});

test('files of Docker in another form are reported as damaged ones are', async () => {
  const place = '/var/lib/docker/containers/a/config.v2.json';
  const cases: readonly [bundle: unknown, file: unknown, message: RegExp][] = [
    [[], {}, /\/bundle\/config\.json is not an object; nor/u],
    [{ mounts: {} }, {}, /mounts in \/bundle\/config\.json is not a list; nor/u],
    [{ mounts: [{ source: 1 }] }, {}, /the source of a mount in \/bundle\/config\.json is not a text; nor/u],
    [{ root: '/' }, {}, /root in \/bundle\/config\.json is not an object; nor/u],
    [{}, null, /config\.v2\.json is not an object; nor/u],
    [{}, { Name: ['/web'] }, /Name in .*config\.v2\.json is not a text; nor/u],
    [{}, { Name: '/web', Config: 'x' }, /Config in .*config\.v2\.json is not an object; nor/u],
    [{}, { Name: '/web', Config: { Labels: ['a=b'] } }, /Labels in .*config\.v2\.json is not an object; nor/u],
    [{}, { Name: '/web', Config: { Labels: { app: 1 } } }, /app in Labels in .*config\.v2\.json is not a text; nor/u],
    [{}, { Name: '/web', Config: { Image: 1 } }, /Image in .*config\.v2\.json is not a text; nor/u],
  ];
  for (const [bundle, file, message] of cases) {
    const root = hostRoot({ '/bundle/config.json': bundle, [place]: file });
    const facts = new HookFacts({ dockerSocket: () => undefined, cri: () => [], hostRoot: root });
    await assert.rejects(facts.describe(request({ state: { bundle: '/bundle' } })), message);
  }
  const nulls = {
    '/bundle/config.json': { mounts: null, root: null },
    [place]: { Name: '/web', Config: { Labels: null } },
  };
  const facts = new HookFacts({ dockerSocket: () => undefined, cri: () => [], hostRoot: hostRoot(nulls) });
  assert.equal((await facts.describe(request({ state: { bundle: '/bundle' } })))?.name, 'web');
});

test('a Docker plugin that uses the default runtime is registered, although it is in no list', async () => {
  const docker = new FakeDocker();
  await docker.listen();
  const facts = new HookFacts({ dockerSocket: () => docker.socketPath, cri: () => [], hostRoot: hostRoot({}) });
  const bundle = '/run/containerd/io.containerd.runtime.v2.task/plugins.moby/a';
  const described = await facts.describe(request({ state: { bundle } }));
  assert.deepEqual([described?.name, described?.namespace], ['plugin-a', 'default']);
  const name = 'plugin-a';
  assert.deepEqual(described?.labels, { 'hauberk.io/container.name': name, 'kubearmor.io/container.name': name });
  docker.close();
});

test("podman's name of a container is read from its storage", async () => {
  const directory = '/data/storage/overlay-containers';
  const root = hostRoot({
    [`${directory}/containers.json`]: [
      { id: 'b', names: ['db'] },
      { id: 'a', names: ['web'], metadata: '{"image-name":"docker.io/library/nginx:1","name":"web"}' },
      { id: 'e', names: ['odd'], metadata: '{' },
    ],
    [`${directory}/volatile-containers.json`]: [{ id: 'c', names: ['web'] }],
  });
  const facts = new HookFacts({ dockerSocket: () => undefined, cri: () => [], hostRoot: root });
  // podman's users can set any annotation.
  const annotations = { 'io.kubernetes.cri.container-type': 'sandbox' };
  const ask = (id: string) =>
    facts.describe(request({ runtime: 'podman', state: { id, annotations, bundle: `${directory}/${id}/userdata` } }));
  const description = { name: 'web', namespace: 'default', labels: NAMED, origin: 'podman' };
  assert.deepEqual(await ask('a'), { id: 'a', ...description, image: 'docker.io/library/nginx:1' });
  assert.equal((await ask('e'))?.image, undefined);
  assert.deepEqual(await ask('c'), { id: 'c', ...description });
  await assert.rejects(ask('d'), /does not name it; .*does not name it$/u);
  for (const [content, message] of [
    [{ a: 'web' }, /containers\.json is not a list/u],
    [['a'], /a container in .*containers\.json is not an object/u],
    [[{ id: 'a', names: 'web' }], /names in .*containers\.json is not a list/u],
    [[{ id: 'a', names: [1] }], /a name in .*containers\.json is not a text/u],
  ] as const) {
    writeFileSync(join(root, directory, 'containers.json'), JSON.stringify(content));
    await assert.rejects(ask('a'), message);
  }
});

test('of several CRI runtimes the one that knows the container is used', async () => {
  const description = { id: 'a', name: 'app', namespace: 'shop', labels: {}, origin: 'cri' } as const;
  const unknown: CriFacts = { describe: () => Promise.reject(new Error('no such sandbox')) };
  const known: CriFacts = { describe: async () => description };
  const pause: CriFacts = { describe: async () => undefined };
  const describe = (...cri: CriFacts[]) =>
    new HookFacts({ dockerSocket: () => undefined, cri: () => cri, hostRoot: '' }).describe(
      request({ runtime: 'containerd' }),
    );
  assert.deepEqual(await describe(unknown, known), description);
  assert.equal(await describe(unknown, pause), undefined);
  await assert.rejects(describe(unknown, unknown), /^Error: no such sandbox$/u);
});

test('while a process is in the root of the host, the root of its container is below the bundle', async () => {
  const bundle = mkdtempSync(join(tmpdir(), 'hauberk-bundle-'));
  const write = (path: string) => writeFileSync(join(bundle, 'config.json'), JSON.stringify({ root: { path } }));
  write('rootfs');
  assert.equal(await rootBeforeSwitch({ pid: process.pid, bundle }, ''), join(bundle, 'rootfs'));
  write('/var/lib/merged');
  assert.equal(await rootBeforeSwitch({ pid: process.pid, bundle }, ''), '/var/lib/merged');
  // Seen from there this process is in another root.
  const host = hostRoot({});
  assert.equal(await rootBeforeSwitch({ pid: process.pid, bundle }, host), undefined);
});

test('a bundle without a configuration, or with one that names no root, is reported', async () => {
  const bundle = mkdtempSync(join(tmpdir(), 'hauberk-bundle-'));
  await assert.rejects(readBundle(bundle, ''), /ENOENT/u);
  writeFileSync(join(bundle, 'config.json'), '{}');
  await assert.rejects(rootBeforeSwitch({ pid: process.pid, bundle }, ''), /names no root/u);
});
