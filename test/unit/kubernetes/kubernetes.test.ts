import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchEvent } from '../../../src/kubernetes/api-client.js';
import { Kubernetes } from '../../../src/kubernetes/kubernetes.js';
import { Pods } from '../../../src/kubernetes/pods.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const KIND = 'securitypolicies';
const policy = (resourceVersion: string) => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion, generation: 1 },
  spec: { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] } },
});

test('changes that do not end put off no policy', async (context) => {
  const { policies } = new InMemoryControlPlane();
  const client = {
    server: { url: new URL('https://10.0.0.1'), namespace: 'hauberk' },
    list: async (path: string) => ({
      bytes: 100,
      apiVersion: 'v1',
      kind: 'List',
      metadata: { resourceVersion: '1' },
      items: path.endsWith(`/${KIND}`) ? [policy('1')] : [],
    }),
    async *watch(path: string, _: object, { signal, onOpen }: { signal: AbortSignal; onOpen: () => void }) {
      onOpen();
      for (let version = 2; !signal.aborted; version++) {
        await sleep(5);
        const event: WatchEvent = { type: 'MODIFIED', object: policy(String(version)) };
        if (path.endsWith(`/${KIND}`)) yield event;
      }
    },
  };
  const kubernetes = new Kubernetes({
    client: client as never,
    node: 'node',
    policies,
    pods: new Pods(() => undefined),
    logger: { info: () => undefined, warn: () => undefined } as never,
    onPods: () => undefined,
    onStatus: () => undefined,
  });
  kubernetes.start();
  context.after(() => kubernetes.stop());
  await eventually(() => policies.list().length === 1);
  assert.equal(policies.list()[0]!.origin, 'kubernetes');
});

test('what annotations of namespaces and the settings make visible holds in their containers', async (context) => {
  const { policies, visibility } = new InMemoryControlPlane();
  const named = (name: string, more: object) => ({ metadata: { name, uid: name, resourceVersion: '1', ...more } });
  const objects: Readonly<Record<string, readonly object[]>> = {
    '/api/v1/namespaces': [named('shop', { annotations: { 'kubearmor-visibility': 'process,network' } })],
    '/api/v1/namespaces/hauberk/configmaps': [{ ...named('hauberk-config', {}), data: { visibility: 'file' } }],
  };
  const client = {
    server: { url: new URL('https://10.0.0.1'), namespace: 'hauberk' },
    list: async (path: string) => ({
      bytes: 100,
      apiVersion: 'v1',
      kind: 'List',
      metadata: { resourceVersion: '1' },
      items: objects[path] ?? [],
    }),
    async *watch(_: string, __: object, { signal, onOpen }: { signal: AbortSignal; onOpen: () => void }) {
      onOpen();
      while (!signal.aborted) await sleep(5);
      yield* [] as WatchEvent[];
    },
  };
  const kubernetes = new Kubernetes({
    client: client as never,
    node: 'node',
    policies,
    visibility,
    pods: new Pods(() => undefined),
    logger: { info: () => undefined, warn: () => undefined } as never,
    onPods: () => undefined,
    onStatus: () => undefined,
  });
  kubernetes.start();
  context.after(() => kubernetes.stop());
  await eventually(() => visibility.list().length === 2);
  assert.deepEqual(
    visibility.list().map(({ namespace, classes, origin }) => [namespace, classes, origin]),
    [
      ['*', ['file'], 'kubernetes'],
      ['shop', ['process', 'network'], 'kubernetes'],
    ],
  );
});
