import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { dockerConnection } from '../../src/sources/docker.js';
import { eventually } from '../support/eventually.js';
import { HOOK } from '../support/hook.js';
import { NativeDocker, NativePodman, runtimeMissing } from '../support/native-runtimes.js';
import { RunningSources } from '../support/running-sources.js';

/** Writes the hook's configuration for a daemon, and returns its path. */
function configure({ stateDir, hookSocket }: RunningSources): string {
  const path = join(stateDir, 'hook.conf');
  writeFileSync(path, `socket = ${hookSocket}\nstate_directory = ${stateDir}\nwhen_unanswered = refuse\n`);
  return path;
}

function skip(program: string): string | false {
  return runtimeMissing(program, '/usr/bin/curl', HOOK) ?? false;
}

test('a start by real Docker is held until its container is protected by name and labels', {
  skip: skip('/usr/sbin/dockerd'),
}, async () => {
  const docker = new NativeDocker();
  after(() => docker.stop());
  const daemon = await RunningSources.start({ dockerSocket: docker.socketPath });
  after(() => daemon.stop());
  const runtime = join(daemon.stateDir, 'runtime');
  writeFileSync(runtime, `#!/bin/sh\nexec ${resolve(HOOK)} runtime --hauberk-config=${configure(daemon)} "$@"\n`);
  chmodSync(runtime, 0o755);
  await docker.launchServer(runtime);
  docker.loadImage();

  const id = await docker.startAside('web', '--runtime=own', '--label=tier=front');
  const container = daemon.plane.containers.get(id);
  assert.deepEqual(container?.labels, {
    app: 'shop',
    tier: 'front',
    'hauberk.io/container.name': 'web',
    'kubearmor.io/container.name': 'web',
  });
  assert.equal(container?.protection?.by, 'hook');
  await eventually(() => daemon.sources.statuses()[0]?.containers === 1, 'the event of the start');
  assert.deepEqual(daemon.plane.intake.starts, { protected: 1, ignored: 0, unprotected: 0 });
  assert.equal(daemon.plane.containers.get(id)?.protection?.by, 'hook');

  daemon.plane.storeFailure = new Error('No space left on device');
  await assert.rejects(
    docker.startAside('full', '--runtime=own'),
    /Hauberk refuses to start the container: .*No space left/u,
  );
  daemon.plane.storeFailure = undefined;
  assert.deepEqual(daemon.plane.unprotected.list(), []);
});

test('hauberkd does not inspect a container whose start is held, which would hang', {
  skip: skip('/usr/sbin/dockerd'),
}, async () => {
  const docker = new NativeDocker();
  after(() => docker.stop());
  const daemon = await RunningSources.start({ dockerSocket: docker.socketPath });
  after(() => daemon.stop());
  const gate = join(daemon.stateDir, 'gate');
  const runtime = join(daemon.stateDir, 'runtime');
  writeFileSync(
    runtime,
    `#!/bin/sh\ncase " $* " in *" create "*) while [ ! -e ${gate} ]; do sleep 0.1; done;; esac\nexec /usr/sbin/runc "$@"\n`,
  );
  chmodSync(runtime, 0o755);
  await docker.launchServer(runtime);
  docker.loadImage();
  const started = docker.startAside('web', '--runtime=own');
  await eventually(() => docker.run('ps', '-a', '-q') !== '');
  const id = docker.run('ps', '-a', '-q', '--no-trunc');
  const inspection = AbortSignal.timeout(1000);
  const { default: Client } = await import('dockerode');
  const client = new Client({ socketPath: docker.socketPath });
  await assert.rejects(client.getContainer(id).inspect({ abortSignal: inspection }), /abort/iu);
  const [listed] = await client.listContainers({ all: true, filters: { id: [id] } });
  assert.deepEqual(listed?.Names, ['/web']);
  // A new connection is not blocked either.
  const { reported, stop } = follow(docker.socketPath);
  await eventually(() => reported.length === 1);
  assert.equal(existsSync(gate), false);
  writeFileSync(gate, '');
  assert.equal(await started, id);
  await eventually(() => reported.includes(`started ${id}`));
  stop();
});

test('a start by real podman is held until its container is protected by name, and its labels follow', {
  skip: skip('/usr/bin/podman'),
}, async () => {
  const podman = await NativePodman.launch();
  after(() => podman.stop());
  const daemon = await RunningSources.start({ podmanSocket: podman.socketPath });
  after(() => daemon.stop());
  const hook = { path: resolve(HOOK), args: ['hauberk-hook', '--runtime', 'podman', '--config', configure(daemon)] };
  const text = JSON.stringify({ version: '1.0.0', hook, when: { always: true }, stages: ['createRuntime'] });
  writeFileSync(join(podman.hooks, 'hauberk.json'), text);

  const id = await podman.startAside('web', '--rm', '--label=tier=front');
  assert.equal(daemon.plane.containers.get(id)?.name, 'web');
  assert.deepEqual(daemon.plane.intake.starts, { protected: 1, ignored: 0, unprotected: 0 });
  await eventually(() => daemon.plane.containers.get(id)?.labels.tier === 'front');
  assert.equal(daemon.plane.containers.get(id)?.protection?.by, 'hook');

  daemon.plane.storeFailure = new Error('No space left on device');
  await assert.rejects(podman.startAside('full'), /Hauberk refuses to start the container: .*No space left/u);
  daemon.plane.storeFailure = undefined;
});

/** What the source of Docker reports, in short lines. */
function follow(address: string) {
  const reported: string[] = [];
  const stopping = new AbortController();
  const sink = {
    running: () => void reported.push('running'),
    started: ({ description }: { description: { id: string } }) => void reported.push(`started ${description.id}`),
    ended: (id: string) => void reported.push(`ended ${id}`),
  };
  void dockerConnection({ origin: 'docker', address }).follow(sink, () => undefined, stopping.signal);
  return { reported, stop: () => stopping.abort() };
}
