import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../../../src/containers/container.js';
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

/** Two processes in namespaces of their own: the first one there, and one that it has started. */
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

test('a container whose process ended while no daemon ran lives on in another that is in it', async (t) => {
  const { first, second } = await startContainer(t);
  const initStartTicks = processIdentity(first).startTicks;
  const container = containerOf(second, { initStartTicks, isFirstProcess: true });
  assert.deepEqual(stillRunning([container]), [container]);
  process.kill(second, 'SIGKILL');
  while (isAlive(container.process!)) await sleep(1);
  const [found] = stillRunning([container]);
  assert.deepEqual([found?.id, found?.process?.pid, found?.isFirstProcess], ['c1', first, undefined]);
  // Numbers that were given to a later container.
  assert.deepEqual(stillRunning([{ ...container, initStartTicks: initStartTicks + 1 }]), []);
  assert.deepEqual(stillRunning([containerOf(first)]).length, 1);
});

test('namespaces that were given to a later container are not taken for those of one that has ended', async (t) => {
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

test('a container that ends is let go even when that could not be written down at first', async (t) => {
  const child = await startProcess(t);
  const plane = new InMemoryControlPlane();
  t.after(() => plane.tracker.stop());
  // The keeper's own timers keep no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  // Of another container's life: nobody is its successor.
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

test('the first process of a namespace is found from any that lives in it, and reports when it began', async (t) => {
  const { first, second } = await startContainer(t);
  const { pidNamespace } = namespacesOf(second);
  const { startTicks } = processIdentity(first);
  assert.deepEqual([isFirst(first), isFirst(second)], [true, false]);
  assert.equal(initStartTicks(pidNamespace, second), startTicks);
  assert.equal(initStartTicks(pidNamespace, first), startTicks);
  // Nobody lives in it any more.
  assert.equal(initStartTicks(1, second), undefined);
  const child = await startProcess(t);
  await gone(child);
  assert.equal(isFirst(child.pid), false);
});

test('a process that runs a program has run one', async (t) => {
  const child = await startProcess(t);
  assert.equal(hasRunNothing(child.pid), false);
  assert.equal(hasRunNothing(undefined), false);
});
