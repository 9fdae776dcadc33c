import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../../../src/containers/container.js';
import { namespaceKey } from '../../../src/containers/container.js';
import {
  hasRunNothing,
  initStartTicks,
  isAlive,
  isFirst,
  linkedDirectories,
  namespacesOf,
  processIdentity,
} from '../../../src/containers/procfs.js';
import { stillRunning } from '../../../src/control/container-tracker.js';
import type { Failure } from '../../../src/failure.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const description = { id: 'c1', name: 'c1', namespace: 'default', labels: {}, origin: 'docker' } as const;

async function startProcess(t: TestContext): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  t.after(() => child.kill('SIGKILL'));
  return child as ChildProcess & { pid: number };
}

function containerOf(pid: number, changes: Partial<Container> = {}): Container {
  return { ...description, namespaces: namespacesOf(pid), process: processIdentity(pid), links: {}, ...changes };
}

async function gone(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Two processes in new namespaces: the first process, and one that it has started. */
async function startContainer(t: TestContext): Promise<{ first: number; second: number }> {
  const script = 'sleep 60 & echo started; wait; sleep 60';
  const args = ['--user', '--map-root-user', '--pid', '--mount', '--fork', '--kill-child', 'sh', '-c', script];
  const outside = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => outside.kill('SIGKILL'));
  await once(outside.stdout, 'data');
  const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
  const first = childOf(outside.pid!);
  return { first, second: childOf(first) };
}

test('a container whose process ended while no daemon ran continues with another of its processes', async (t) => {
  const { first, second } = await startContainer(t);
  const initStartTicks = processIdentity(first).startTicks;
  const container = containerOf(second, { initStartTicks, isFirstProcess: true });
  assert.deepEqual(stillRunning([container]), [container]);
  process.kill(second, 'SIGKILL');
  while (isAlive(container.process!)) await sleep(1);
  const [found] = stillRunning([container]);
  assert.deepEqual([found?.id, found?.process?.pid, found?.isFirstProcess], ['c1', first, undefined]);
  // The namespace numbers now belong to a later container.
  assert.deepEqual(stillRunning([{ ...container, initStartTicks: initStartTicks + 1 }]), []);
  assert.deepEqual(stillRunning([containerOf(first)]).length, 1);
});

test('namespaces that a later container reuses are not taken for those of one that has ended', async (t) => {
  const child = await startProcess(t);
  const container = containerOf(child.pid, { initStartTicks: 1 });
  const unknown = containerOf(child.pid);
  assert.deepEqual(stillRunning([container, unknown]), [container, unknown]);
  await gone(child);
  assert.deepEqual(stillRunning([container, unknown]), []);
});

test('a container that is reported by the hook and then by its runtime stays protected by the hook', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const root = mkdtempSync(join(tmpdir(), 'hauberk-root-'));
  symlinkSync('usr/bin', join(root, 'bin'));
  let visible = 0;
  const onVisible = () => visible++;
  const process = { pid: child.pid, firstProcess: true, root } as const;
  const { result } = await plane.tracker.register(description, process, { by: 'hook', onVisible });
  assert.equal(visible, 1);
  assert.deepEqual(
    [result.container.links, result.container.isFirstProcess, result.container.protection?.by],
    [{ '/bin': '/usr/bin' }, true, 'hook'],
  );
  const reported = { ...description, name: 'renamed', labels: { app: 'web' } };
  const again = await plane.tracker.register(reported, { pid: child.pid }, { by: 'event' });
  const { name, labels, protection } = again.result.container;
  assert.deepEqual([name, labels, protection], ['renamed', { app: 'web' }, result.container.protection]);
});

test('a container that is not held any more when the kernel decides for it has come by an event', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const by = () => plane.containers.get('c1')?.protection?.by;
  const stored = () => plane.commits.at(-1)?.putContainers?.[0]?.protection?.by;
  const late = new AbortController();
  let visible = 0;
  const options = { by: 'hook', held: late.signal, onVisible: () => visible++ } as const;
  plane.kernel.beforePublish = async () => late.abort();
  await plane.tracker.register(description, { pid: child.pid, firstProcess: true }, options);
  assert.deepEqual([visible, by(), stored()], [1, 'event', 'event']);

  await plane.tracker.unregister('c1');
  await plane.tracker.register(description, { pid: child.pid, firstProcess: true }, options);
  assert.equal(by(), 'event', 'it was too late before');

  await plane.tracker.unregister('c1');
  const inTime = new AbortController();
  plane.kernel.beforePublish = async () => undefined;
  await plane.tracker.register(description, { pid: child.pid }, { by: 'hook', held: inTime.signal });
  inTime.abort();
  await plane.tracker.register({ ...description, name: 'renamed' }, { pid: child.pid }, options);
  assert.equal(by(), 'hook', 'another one was in time');
});

test('how a container came under its policies is not corrected once it has gone, and leaves the rest as it is', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  const known = containerOf(child.pid, { protection: { by: 'hook', since: 1 } });
  await plane.containers.put(known);
  await plane.containers.put({ ...known, name: 'renamed' });
  await plane.containers.correctProtection(known, { by: 'event', since: 2 });
  const { name, protection } = plane.containers.get('c1')!;
  assert.deepEqual([name, protection], ['renamed', { by: 'event', since: 2 }]);
  await plane.containers.remove('c1');
  await plane.containers.correctProtection(known, { by: 'event', since: 2 });
  assert.equal(plane.containers.get('c1'), undefined);
});

test('a container that ends is removed even if that could not be stored at first', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  // The tracker's own timers do not keep this process alive.
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  // With another start time, so that no other process continues it.
  await plane.containers.put(containerOf(child.pid, { initStartTicks: 1 }));
  plane.tracker.resume();
  plane.storeFailure = new Error('no space left on device');
  await gone(child);
  const warned = new Promise<void>((resolve) => {
    plane.tracker.logger.warn = () => resolve();
  });
  await warned;
  assert.equal(plane.containers.list().length, 1);
  plane.storeFailure = undefined;
  const ended = new Promise<void>((resolve) => {
    plane.tracker.logger.info = () => resolve();
  });
  await ended;
  assert.deepEqual(plane.containers.list(), []);
});

test('links below a root are read as links within it, and are not followed out of it', () => {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-root-'));
  mkdirSync(join(root, 'sbin'));
  symlinkSync('/usr/lib', join(root, 'lib'));
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('../../usr/lib64', join(root, 'lib64'));
  symlinkSync('/etc', join(root, 'lib32'));
  const links = { '/bin': '/usr/bin', '/lib': '/usr/lib', '/lib64': '/usr/lib64' };
  assert.deepEqual(linkedDirectories(process.pid, root), links);
});

test('the first process of a namespace, and its start time, are found from any process in it', async (t) => {
  const { first, second } = await startContainer(t);
  const { pidNamespace } = namespacesOf(second);
  const { startTicks } = processIdentity(first);
  assert.deepEqual([isFirst(first), isFirst(second)], [true, false]);
  assert.equal(initStartTicks(pidNamespace, second), startTicks);
  assert.equal(initStartTicks(pidNamespace, first), startTicks);
  // No process is in it any more.
  assert.equal(initStartTicks(1, second), undefined);
  const child = await startProcess(t);
  await gone(child);
  assert.equal(isFirst(child.pid), false);
});

test('a process that runs a program counts as having executed one', async (t) => {
  const child = await startProcess(t);
  assert.equal(hasRunNothing(child.pid), false);
  assert.equal(hasRunNothing(undefined), false);
});

/** How many processes this one watches. */
function watched(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).includes('pidfd');
    } catch {
      return false;
    }
  }).length;
}

test('one process of each container is watched, and none of a removed one', async (t) => {
  const [child, other] = [await startProcess(t), await startProcess(t)];
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const before = watched();
  const registered = { ...description, origin: 'registered' } as const;
  const register = (pid: number) => plane.tracker.register(registered, { pid });
  const count = () => watched() - before;
  await register(child.pid);
  await register(child.pid);
  assert.equal(count(), 1);
  await register(other.pid);
  assert.equal(count(), 1);
  await gone(child);
  await plane.tracker.unregister('c1');
  assert.deepEqual([count(), plane.containers.list()], [0, []]);
  const identity = { pid: other.pid };
  await plane.tracker.sync([{ description: registered, identity }]);
  assert.equal(count(), 1);
  await plane.tracker.sync([]);
  assert.deepEqual([count(), plane.containers.list()], [0, []]);
  await register(other.pid);
  plane.tracker.resume();
  assert.equal(count(), 1);
  plane.tracker.stop();
  assert.deepEqual([count(), plane.containers.list().length], [0, 1]);
});

test('a container continues with another of its processes, and ends with the last one', async (t) => {
  const { first, second } = await startContainer(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  const logged = t.mock.method(plane.tracker.logger, 'info');
  await plane.tracker.register(description, { pid: second });
  const known = plane.containers.get('c1');
  assert.equal(known?.initStartTicks, processIdentity(first).startTicks);
  process.kill(second, 'SIGKILL');
  await eventually(() => plane.containers.get('c1')?.process?.pid === first, 'a successor');
  assert.equal(logged.mock.callCount(), 0);
  process.kill(first, 'SIGKILL');
  await eventually(() => plane.containers.list().length === 0, 'the end');
  assert.deepEqual(
    logged.mock.calls.map((call) => call.arguments),
    [[{ container: 'c1' }, 'the container has ended']],
  );
  assert.equal(plane.kernel.published.size, 0);
});

test('for a container that is reported by its namespaces a process in them is found', async (t) => {
  const { first } = await startContainer(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const began = Date.now();
  const namespaces = namespacesOf(first);
  const { result } = await plane.tracker.register(description, namespaces);
  const { process: found, isFirstProcess, initStartTicks: started, root, protection } = result.container;
  assert.deepEqual([found, isFirstProcess], [processIdentity(first), true]);
  assert.deepEqual([started, root, protection?.by], [processIdentity(first).startTicks, { device: 42 }, 'registered']);
  assert.ok(protection!.since >= began && protection!.since <= Date.now());
  const nobody = { pidNamespace: 7, mountNamespace: 8 };
  const { result: other } = await plane.tracker.register({ ...description, id: 'c2' }, nobody);
  const { protection: _, ...unknown } = other.container;
  assert.deepEqual(unknown, { ...description, id: 'c2', namespaces: nobody, links: {} });
  // The next container in them is a different one, for which a process is looked up again.
  const later = await startContainer(t);
  const { result: next } = await plane.tracker.register({ ...description, id: 'c3' }, namespacesOf(later.first));
  assert.equal(next.container.process?.pid, later.first);
});

test('a process that is not the first in its namespace is recognised', async (t) => {
  const { first, second } = await startContainer(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const registered = async (pid: number) =>
    (await plane.tracker.register({ ...description, id: `c${pid}` }, { pid }).catch((failure: Failure) => failure)) as {
      result: { container: Container };
    };
  const { result } = await registered(second);
  assert.equal(result.container.isFirstProcess, undefined);
  await plane.tracker.unregister(`c${second}`);
  const { result: other } = await registered(first);
  assert.equal(other.container.isFirstProcess, true);
});

test('only a process that the caller has started is accepted as its container', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const uid = process.getuid!();
  const register = (pid: number) => plane.tracker.register(description, { pid: child.pid, startedBy: { pid, uid } });
  await assert.rejects(register(child.pid), /was not started by the caller/);
  const { result } = await register(process.pid);
  assert.equal(result.container.process?.pid, child.pid);
  assert.equal('startedBy' in result.container, false);
});

test('errors in some of many containers are reported by index, and none is registered', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const ended = await startProcess(t);
  await gone(ended);
  const registration = (id: string, identity: object) =>
    ({ description: { ...description, id, origin: 'registered' }, identity }) as never;
  const sync = plane.tracker.sync([
    registration('a', { pid: ended.pid }),
    registration('b', { pid: child.pid }),
    registration('c', { pidNamespace: 0, mountNamespace: 7 }),
  ]);
  await assert.rejects(sync, (failure: Failure) => {
    assert.deepEqual(
      failure.problems.map(({ field }) => field),
      ['containers[0].pid', 'containers[2].namespaces.pid_namespace'],
    );
    return true;
  });
  assert.deepEqual(plane.containers.list(), []);
  const broken = new Error('broken');
  const examine = plane.tracker.examineRoot;
  Object.assign(plane.tracker, {
    examineRoot: () => {
      throw broken;
    },
  });
  await assert.rejects(plane.tracker.sync([registration('b', { pid: child.pid })]), broken);
  Object.assign(plane.tracker, { examineRoot: examine });
  const { result } = await plane.tracker.sync([registration('b', { pid: child.pid })]);
  assert.deepEqual(
    result.map(({ container, kind }) => [container.id, kind]),
    [['b', 'added']],
  );
});

test('a container whose image contents are unknown is logged when it is registered, if a policy depends on them', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const warnings = t.mock.method(plane.tracker.logger, 'warn');
  plane.root = { problem: 'its root is no overlay' };
  const register = (id: string, app = 'web') =>
    plane.tracker
      .register({ ...description, id, labels: { app } }, { pid: child.pid })
      .then(() => plane.containers.get(id));
  await register('c1');
  await plane.containers.remove('c1');
  const drift = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: drift, namespace: default}
spec: {selector: {matchLabels: {app: web}}, presets: [{name: drift, action: Audit}]}
`;
  await plane.policies.apply(plane.policies.readManifest(drift));
  await register('c2', 'other');
  await plane.containers.remove('c2');
  assert.equal(warnings.mock.callCount(), 0);
  await register('c3');
  await plane.tracker.register(
    { ...description, id: 'c3', name: 'renamed', labels: { app: 'web' } },
    { pid: child.pid },
  );
  assert.deepEqual(
    warnings.mock.calls.map((call) => call.arguments),
    [
      [
        { container: 'c3', problem: 'its root is no overlay' },
        'the preset drift does not know what came with the image',
      ],
    ],
  );
  await plane.containers.remove('c3');
  plane.root = { device: 42 };
  await register('c4');
  assert.equal(warnings.mock.callCount(), 1);
});

test('many containers that are reported by namespaces at once are looked up in one pass over the process table', async (t) => {
  const containers = [await startContainer(t), await startContainer(t)];
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  const found = await Promise.all(
    containers.map(({ first }, index) =>
      plane.tracker.register({ ...description, id: `c${index}` }, namespacesOf(first)),
    ),
  );
  assert.deepEqual(
    found.map(({ result }) => result.container.process?.pid),
    containers.map(({ first }) => first),
  );
  assert.deepEqual(
    [...plane.kernel.published.keys()].sort(),
    containers.map(({ first }) => namespaceKey(namespacesOf(first))).sort(),
  );
});
