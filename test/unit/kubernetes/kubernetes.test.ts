import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchEvent } from '../../../src/kubernetes/api-client.js';
import { Kubernetes, type KubernetesOptions } from '../../../src/kubernetes/kubernetes.js';
import { Pods } from '../../../src/kubernetes/pods.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const KIND = 'securitypolicies';
const policy = (resourceVersion: string) => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion, generation: 1 },
  spec: { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] } },
});

/** The change at a path in the next version of the cluster. */
type Change = (path: string, version: string) => WatchEvent | undefined;

/** Follows a cluster with these objects by path, which keeps changing. */
function follow(
  context: TestContext,
  objects: (path: string) => readonly object[],
  change: Change,
  plane: Pick<KubernetesOptions, 'policies' | 'visibility'>,
): void {
  const client = {
    server: { url: new URL('https://10.0.0.1'), namespace: 'hauberk' },
    list: async (path: string) => ({
      bytes: 100,
      apiVersion: 'v1',
      kind: 'List',
      metadata: { resourceVersion: '1' },
      items: objects(path),
    }),
    async *watch(path: string, _: object, { signal, onOpen }: { signal: AbortSignal; onOpen: () => void }) {
      onOpen();
      for (let version = 2; !signal.aborted; version++) {
        await sleep(5);
        const event = change(path, String(version));
        if (event !== undefined) yield event;
      }
    },
  };
  const kubernetes = new Kubernetes({
    client: client as never,
    node: 'node',
    ...plane,
    pods: new Pods(() => undefined),
    logger: { info: () => undefined, warn: () => undefined } as never,
    onPods: () => undefined,
    onStatus: () => undefined,
  });
  kubernetes.start();
  context.after(() => kubernetes.stop());
}

test('an endless stream of changes does not delay policies', async (context) => {
  const { policies } = new InMemoryControlPlane();
  const objects = (path: string) => (path.endsWith(`/${KIND}`) ? [policy('1')] : []);
  const change: Change = (path, version) =>
    path.endsWith(`/${KIND}`) ? { type: 'MODIFIED', object: policy(version) } : undefined;
  follow(context, objects, change, { policies });
  await eventually(() => policies.list().length === 1);
  assert.equal(policies.list()[0]!.origin, 'kubernetes');
});

test('visibility from annotations of namespaces and from settings takes effect in containers', async (context) => {
  const { policies, visibility } = new InMemoryControlPlane();
  const named = (name: string, more: object) => ({ metadata: { name, uid: name, resourceVersion: '1', ...more } });
  const objects: Readonly<Record<string, readonly object[]>> = {
    '/api/v1/namespaces': [named('shop', { annotations: { 'kubearmor-visibility': 'process,network' } })],
    '/api/v1/namespaces/hauberk/configmaps': [{ ...named('hauberk-config', {}), data: { visibility: 'file' } }],
  };
  follow(
    context,
    (path) => objects[path] ?? [],
    () => undefined,
    { policies, visibility },
  );
  await eventually(() => visibility.list().length === 2);
  assert.deepEqual(
    visibility.list().map(({ namespace, classes, origin }) => [namespace, classes, origin]),
    [
      ['*', ['file'], 'kubernetes'],
      ['shop', ['process', 'network'], 'kubernetes'],
    ],
  );
});
