import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ContainerRequest, ContainerState } from '../../../src/generated/nri/nri.js';
import { eventually } from '../../support/eventually.js';
import { FakeDocker } from '../../support/fake-docker.js';
import { hookRequest, requestAsHook } from '../../support/hook-client.js';
import { RunningSources } from '../../support/running-sources.js';
import { container as nriContainer, pod, Runtime } from './nri/runtime.js';

/** The sources of a daemon that follows this Docker and a missing CRI runtime. */
async function start(t: TestContext, docker: FakeDocker) {
  const missing = join(mkdtempSync(join(tmpdir(), 'hauberk-cri-')), 'containerd.sock');
  const running = await RunningSources.start({ dockerSocket: docker.socketPath, criSocket: missing });
  const { plane, logger, sources, stateDir, hookSocket } = running;
  t.after(async () => {
    await running.stop();
    docker.close();
  });
  return { plane, logger, sources, stateDir, hookSocket, missing };
}

/** A process in its own namespaces, like that of a container. */
async function container(t: TestContext) {
  const child = spawn('unshare', ['--mount', 'sh', '-c', 'echo; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  // Before its output it may still be in the namespaces of this process.
  await once(child.stdout, 'data');
  return { child, pid: child.pid! };
}

test('a container that starts while the disk is full comes under its policies once there is room', async (t) => {
  const docker = new FakeDocker();
  await docker.listen();
  const { plane, logger, sources } = await start(t, docker);
  const { child, pid } = await container(t);
  await eventually(() => sources.statuses().some(({ name, connected }) => name === 'docker' && connected));
  plane.storeFailure = new Error('IO error: /var/lib/hauberk/store/000005.log: No space left on device');
  docker.containers.set('a', { pid, name: 'web' });
  docker.send('start', 'a');
  await eventually(() => plane.unprotected.get('a') !== undefined);
  assert.equal(plane.unprotected.get('a')?.cause, 'store');
  assert.deepEqual(
    logger.warnings.map(({ fields }) => fields.reason),
    ['IO error: /var/lib/hauberk/store/000005.log: No space left on device'],
  );
  await eventually(() => plane.intake.failures.store > 1);
  plane.storeFailure = undefined;
  await eventually(() => plane.containers.get('a') !== undefined);
  await eventually(() => plane.unprotected.list().length === 0);

  docker.containers.set('a', { pid, name: 'web-1' });
  docker.send('rename', 'a');
  await eventually(() => plane.containers.get('a')?.name === 'web-1');
  child.kill('SIGKILL');
  await eventually(() => plane.containers.get('a') === undefined);
});

test('a start is held until its container is protected, or answered with the reason why it cannot be', async (t) => {
  const docker = new FakeDocker();
  await docker.listen();
  const { plane, hookSocket } = await start(t, docker);
  const { child, pid } = await container(t);
  docker.containers.set('a', { pid, name: 'web', labels: { app: 'shop' }, isStopped: true });
  const bundle = mkdtempSync(join(tmpdir(), 'hauberk-bundle-'));
  writeFileSync(join(bundle, 'config.json'), JSON.stringify({ root: { path: 'rootfs' } }));
  const request = (onFailure: string) => hookRequest({ on_failure: onFailure, state: { id: 'a', pid, bundle } });

  plane.storeFailure = new Error('No space left on device');
  assert.equal(await requestAsHook(hookSocket, request('refuse')), 'unprotected No space left on device\n');
  assert.deepEqual([plane.unprotected.list(), plane.intake.refusedStarts], [[], 1]);
  assert.equal(await requestAsHook(hookSocket, request('allow')), 'unprotected No space left on device\n');
  assert.equal(plane.unprotected.get('a')?.description.name, 'web');

  plane.storeFailure = undefined;
  assert.equal(await requestAsHook(hookSocket, request('refuse')), 'protected\n');
  assert.equal(plane.containers.get('a')?.labels.app, 'shop');
  assert.deepEqual(plane.unprotected.list(), []);
  assert.deepEqual(plane.intake.starts, { protected: 1, ignored: 0, unprotected: 2 });
  child.kill('SIGKILL');
});

test('the start of an unknown container is refused, or continues under the policies for all and is reported', async (t) => {
  const docker = new FakeDocker();
  await docker.listen();
  const { plane, logger, hookSocket } = await start(t, docker);
  const { child, pid } = await container(t);
  const ask = (onFailure: string) =>
    requestAsHook(hookSocket, hookRequest({ on_failure: onFailure, state: { id: '0123456789abcdef', pid } }));
  assert.match(
    await ask('refuse'),
    /^unprotected Docker's files do not report it: .*; nor does Docker: it is in no list/u,
  );
  assert.equal(plane.containers.list().length, 0);
  assert.match(await ask('allow'), /^unprotected Docker's files do not report/u);
  await eventually(() => plane.containers.get('0123456789abcdef')?.name === '0123456789ab');
  assert.equal(logger.warnings.length, 2);
  assert.equal(plane.intake.failures.lookup, 2);
  child.kill('SIGKILL');
});

test("an exception in the hook's configuration holds for the next start that NRI asks about", async (t) => {
  const hostRoot = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  mkdirSync(join(hostRoot, 'etc/hauberk'), { recursive: true });
  const configure = (text: string) => writeFileSync(join(hostRoot, 'etc/hauberk/hook.conf'), text);
  configure('when_unanswered = refuse\n');
  const runtime = new Runtime();
  await runtime.listen();
  const registered = runtime.pluginRegistered();
  const running = await RunningSources.start({ nriSocket: runtime.address }, hostRoot);
  const { plane } = running;
  t.after(async () => {
    await running.stop();
    runtime.close();
  });
  await registered;
  await runtime.configure();
  plane.storeFailure = new Error('No space left on device');
  const { pid } = await container(t);
  const startOf = { container: nriContainer('a', 'p', pid, ContainerState.CONTAINER_CREATED), pod: pod('p') };
  const start = () => runtime.call('StartContainer', ContainerRequest.encode(startOf).finish());
  await assert.rejects(start(), /Hauberk refuses the start: No space left on device/u);
  configure('when_unanswered = refuse\nexempt_namespace = shop\n');
  await start();
  assert.deepEqual([plane.intake.refusedStarts, plane.intake.startsWithoutProtection], [1, 1]);
});

test('sources are listed by name, missing ones with the reason', async (t) => {
  const docker = new FakeDocker();
  await docker.listen();
  const { sources, hookSocket, missing } = await start(t, docker);
  await eventually(() => sources.statuses().some(({ reason }) => /ENOENT/u.test(reason)));
  await eventually(() => sources.statuses()[0]?.connected === true);
  const [first, second, third] = sources.statuses();
  assert.deepEqual(first, { name: 'docker', address: docker.socketPath, connected: true, reason: '', containers: 0 });
  assert.deepEqual([second?.name, second?.address], ['containerd', missing]);
  assert.equal(second?.connected, false);
  assert.deepEqual([third?.name, third?.address, third?.connected], ['hook', hookSocket, true]);
});

test('starts without protection that the hook has noted are reported at the start, once', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'hauberk-state-'));
  const notes = join(stateDir, 'starts-without-protection.jsonl');
  writeFileSync(notes, '{"id":"a","reason":"hauberkd does not answer"}\nhalf a li\n');
  const { logger, plane, sources } = await RunningSources.start({ stateDir });
  await sources.stop();
  const reported = logger.warnings.filter(({ fields }) => 'start' in fields);
  assert.deepEqual(
    reported.map(({ fields }) => fields.start),
    [{ id: 'a', reason: 'hauberkd does not answer' }, 'half a li'],
  );
  assert.equal(plane.intake.startsWithoutProtection, 2);
  assert.equal(existsSync(notes), false);
  const again = await RunningSources.start({ stateDir });
  assert.equal(again.plane.intake.startsWithoutProtection, 0);
  await again.stop();
});
