import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CriContainers, describeCriContainer } from '../../../src/sources/cri-containers.js';
import type { SourceContainer } from '../../../src/sources/source.js';

const POD = { name: 'web-1', uid: 'uid-1', namespace: 'shop', labels: { app: 'web' } };

function container(id: string, pid = 100, labels: Record<string, string> = {}): SourceContainer {
  return { description: describeCriContainer(id, 'main', { ...POD, labels }), pid };
}

/** Containers with a sink that keeps reports. */
function recorded() {
  const reported: string[] = [];
  const containers = new CriContainers({
    running: (all) => reported.push(`running ${all.map(({ description }) => description.id)}`),
    started: ({ description, pid }) => reported.push(`started ${description.id} ${pid}`),
    ended: (id) => reported.push(`ended ${id}`),
  });
  return { containers, reported };
}

test("a container has its pod's labels, and its own name, pod and namespace as labels", () => {
  assert.deepEqual(describeCriContainer('id', 'main', POD), {
    id: 'id',
    name: 'main',
    namespace: 'shop',
    origin: 'cri',
    labels: {
      app: 'web',
      'io.kubernetes.pod.name': 'web-1',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'uid-1',
      'io.kubernetes.container.name': 'main',
      'hauberk.io/container.name': 'main',
      'kubearmor.io/container.name': 'main',
    },
  });
});

test('labels of a pod that contradict the runtime are overridden', () => {
  const labels = {
    'io.kubernetes.pod.namespace': 'kube-system',
    'io.kubernetes.pod.name': 'other',
    'io.kubernetes.pod.uid': 'other',
    'io.kubernetes.container.name': 'other',
    'hauberk.io/container.name': 'other',
    'kubearmor.io/container.name': 'other',
  };
  assert.deepEqual(
    describeCriContainer('id', 'main', { ...POD, labels }),
    describeCriContainer('id', 'main', { ...POD, labels: {} }),
  );
});

test('containers that are found before the first list is complete are reported together', () => {
  const { containers, reported } = recorded();
  containers.started(container('a'));
  containers.started(container('b'));
  containers.ended('b');
  containers.complete();
  assert.deepEqual(reported, ['running a']);
});

test('after the first list each difference is reported once', () => {
  const { containers, reported } = recorded();
  containers.complete();
  containers.started(container('a'));
  containers.started(container('a'));
  containers.started(container('a', 100, { app: 'other' }));
  containers.ended('a');
  containers.ended('a');
  assert.deepEqual(reported, ['running ', 'started a 100', 'started a 100', 'ended a']);
});

test('a container whose end was reported before its description was found is not reported as running', () => {
  const { containers, reported } = recorded();
  containers.complete();
  containers.ended('a');
  containers.started(container('a'));
  assert.deepEqual(reported, ['running ']);
  containers.forget(['a']);
  assert.deepEqual([...containers.endedIds], []);
});

test('if the first list cannot be completed, known containers are reported one by one', () => {
  const { containers, reported } = recorded();
  containers.started(container('a'));
  containers.reportKnown();
  assert.deepEqual(reported, ['started a 100']);
});
