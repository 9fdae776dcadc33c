import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type EventStream, type ReceivedEvent } from '../support/client.js';
import { BUSYBOX_IMAGE, Containerd, NRI } from '../support/containerd.js';
import { Daemon } from '../support/daemon.js';
import { idOf, Kubelet, NAMESPACE } from '../support/kubelet.js';
import { accessesThrough, FIRST_ACCESS, FORBIDDEN, withFirstAccessRoot } from '../support/starts/first-access.js';
import {
  DEFAULT_PATHS,
  forbiddingPolicy,
  HOOK_CONFIGURATION,
  IMAGE,
  installHook,
  LABELS,
} from '../support/starts/first-instruction.js';

const WAIT_MILLISECONDS = 120_000;
const ACCESSES = ['create udp', `exec ${FORBIDDEN.program}`, `open ${FORBIDDEN.file}`];

const daemon = new Daemon();
const client = new Client(daemon.address);
let byHook: Containerd;
let byNri: Containerd;

before(async () => {
  byHook = await Containerd.start({ version: '1.6' });
  byNri = await Containerd.start(NRI);
  for (const containerd of [byHook, byNri])
    await withFirstAccessRoot(async (root) => containerd.importImage(root, IMAGE, { entrypoint: [] }));
  const sockets = [byHook, byNri].map(({ address }) => address).join();
  await daemon.start(...DEFAULT_PATHS, '--cri-socket', sockets, '--nri-socket', NRI.socket);
  installHook('containerd', '--config', byHook.configurationPath);
  await byHook.interrupt();
  await byHook.startAgain();
  await untilConnected('nri');
  await client.call('PolicyService', 'ApplyPolicy', {
    manifest: forbiddingPolicy('by-label', LABELS, FORBIDDEN, NAMESPACE),
  });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM');
  for (const containerd of [byHook, byNri]) await containerd?.stop();
});

async function untilConnected(source: string): Promise<void> {
  const deadline = Date.now() + WAIT_MILLISECONDS;
  for (;;) {
    const { sources } = await client.call('HostService', 'GetStatus');
    if (sources.some(({ name, connected }: { name: string; connected: boolean }) => name === source && connected))
      return;
    assert.ok(Date.now() < deadline, JSON.stringify(sources));
    await sleep(100);
  }
}

/** A container as the daemon lists it. */
// biome-ignore lint/suspicious/noExplicitAny: described by the .proto files alone.
async function listed(id: string): Promise<any> {
  const { containers } = await client.call('ContainerService', 'ListContainers');
  return containers.find((container: { id: string }) => container.id === id);
}

async function refusals(events: EventStream, count: number): Promise<ReceivedEvent[]> {
  const deadline = Date.now() + WAIT_MILLISECONDS;
  while (events.events.length < count && Date.now() < deadline) await sleep(100);
  return [...events.events];
}

const KINDS = [
  ['containerd 1.6, by the hook in its base specification', () => byHook],
  ['containerd 1.7, by NRI', () => byNri],
] as const;

for (const [kind, runtime] of KINDS)
  test(`${kind}: a pod that kubelet creates is under its policy from the first instruction, and after each restart`, async () => {
    const events = await client.stream();
    const kubelet = await Kubelet.start({
      program: process.env.HAUBERK_KUBELET!,
      criSocket: runtime().address,
    });
    try {
      const containers = [
        { name: 'at-once', image: IMAGE, command: [FIRST_ACCESS] },
        { name: 'stays', image: BUSYBOX_IMAGE, command: ['/bin/sleep', '1000000'] },
      ];
      kubelet.add({ name: 'web', labels: LABELS, containers });
      kubelet.add({ name: 'other', labels: { app: 'other' }, containers });

      // Restarted by kubelet after it has ended.
      const restarted = await kubelet.container('web', 'at-once', (c) => c.restartCount > 0 && !!c.state.terminated);
      assert.deepEqual(accessesThrough(restarted.state.terminated!.exitCode), []);
      const untouched = await kubelet.container(
        'other',
        'at-once',
        (c) => !!(c.lastState.terminated ?? c.state.terminated),
      );
      const { exitCode } = (untouched.lastState.terminated ?? untouched.state.terminated)!;
      assert.deepEqual(accessesThrough(exitCode), ['file', 'program', 'socket']);

      const reported = await refusals(events, 2 * ACCESSES.length);
      const ids = new Set(reported.map(({ containerId }) => containerId));
      assert.ok(ids.has(idOf(restarted)) && ids.size > 1, JSON.stringify([...ids]));
      for (const id of ids) {
        const own = reported.filter(({ containerId }) => containerId === id);
        assert.deepEqual(own.map(({ operation, object }) => `${operation} ${object}`).sort(), ACCESSES);
      }
      for (const { containerName, namespace, labels, result } of reported) {
        assert.deepEqual(
          { containerName, namespace, result },
          { containerName: 'at-once', namespace: NAMESPACE, result: 'RESULT_DENIED' },
        );
        assert.equal(labels.app, LABELS.app);
        assert.equal(labels['io.kubernetes.pod.name'], kubelet.podName('web'));
      }

      const stays = await kubelet.container('web', 'stays', (c) => !!c.state.running);
      const first = await listed(idOf(stays));
      assert.deepEqual(first.policies, [`${NAMESPACE}/by-label`]);
      assert.equal(first.protection.by, 'PROTECTED_BY_HOOK');
      await runtime().runtime.stopContainer(idOf(stays));
      const again = await kubelet.container('web', 'stays', (c) => c.restartCount > 0 && !!c.state.running);
      assert.notEqual(idOf(again), idOf(stays));
      const second = await listed(idOf(again));
      assert.equal(second.protection.by, 'PROTECTED_BY_HOOK');
      assert.equal(second.labels['io.kubernetes.pod.name'], kubelet.podName('web'));
      const { unprotectedContainers } = await client.call('HostService', 'GetStatus');
      assert.equal(unprotectedContainers, 0);
    } finally {
      events.cancel();
      await kubelet.stop();
      await runtime().runtime.removeAllPods();
    }
  });

test('pods start without hauberkd, as after the DaemonSet was deleted, while the hook is still there', async () => {
  writeFileSync(HOOK_CONFIGURATION, 'timeout_seconds = 2\n');
  installHook('containerd', '--config', byHook.configurationPath, '--when-unanswered', 'allow');
  await daemon.end('SIGTERM');
  for (const [, runtime] of KINDS) {
    const kubelet = await Kubelet.start({ program: process.env.HAUBERK_KUBELET!, criSocket: runtime().address });
    try {
      const containers = [{ name: 'stays', image: BUSYBOX_IMAGE, command: ['/bin/sleep', '1000000'] }];
      kubelet.add({ name: 'later', labels: LABELS, containers });
      await kubelet.container('later', 'stays', ({ state }) => state.running !== undefined);
    } finally {
      await kubelet.stop();
      await runtime().runtime.removeAllPods();
    }
  }
});
