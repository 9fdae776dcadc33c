import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDockerContainer } from '../../../src/sources/docker-facts.js';

const POD = {
  'io.kubernetes.container.name': 'app',
  'io.kubernetes.pod.name': 'shop-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': '7a-b',
};

test("Docker's own data about a container overrides the labels of its image", () => {
  const image = {
    ...POD,
    'kubearmor.io/container.name': 'other',
    'hauberk.io/container.name': 'other',
    app: 'web',
  };
  assert.deepEqual(describeDockerContainer('id', 'web-1', image, 'docker'), {
    id: 'id',
    name: 'web-1',
    namespace: 'default',
    labels: { app: 'web', 'kubearmor.io/container.name': 'web-1', 'hauberk.io/container.name': 'web-1' },
    origin: 'docker',
  });
});

test('Kubernetes labels are trusted on a container that a kubelet has created', () => {
  assert.deepEqual(describeDockerContainer('id', 'k8s_app_shop-1_shop_7a-b_3', POD, 'docker'), {
    id: 'id',
    name: 'app',
    namespace: 'shop',
    labels: { ...POD, 'kubearmor.io/container.name': 'app', 'hauberk.io/container.name': 'app' },
    origin: 'docker',
  });
});

test("a container with a kubelet's naming but contradictory labels does not count as part of a pod", () => {
  for (const differing of Object.keys(POD)) {
    const description = describeDockerContainer(
      'id',
      'k8s_app_shop-1_shop_7a-b_3',
      { ...POD, [differing]: 'x' },
      'docker',
    );
    assert.equal(description?.namespace, 'default', differing);
    assert.equal(description?.name, 'k8s_app_shop-1_shop_7a-b_3');
    assert.deepEqual(Object.keys(description?.labels ?? {}).sort(), [
      'hauberk.io/container.name',
      'kubearmor.io/container.name',
    ]);
  }
});

test("a pod's pause container is not a workload", () => {
  assert.equal(describeDockerContainer('id', 'k8s_POD_shop-1_shop_7a-b_0', POD, 'docker'), undefined);
});

test('a label sets the namespace of a container outside of pods, if it is a valid name', () => {
  const namespaceOf = (name: string, labels: Record<string, string>) =>
    describeDockerContainer('id', name, labels, 'docker')?.namespace;
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': 'shop' }), 'shop');
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': 'No Name' }), 'default');
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': '' }), 'default');
  assert.equal(namespaceOf('k8s_app_shop-1_shop_7a-b_3', { ...POD, 'kubearmor.io/namespace': 'other' }), 'shop');
});
