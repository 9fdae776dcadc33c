import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDockerContainer } from '../../../src/sources/docker-facts.js';

const POD = {
  'io.kubernetes.container.name': 'app',
  'io.kubernetes.pod.name': 'shop-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.uid': '7a-b',
};

test('what Docker knows of a container goes before what its image says', () => {
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

test('the labels of Kubernetes are believed of a container that a kubelet has made', () => {
  assert.deepEqual(describeDockerContainer('id', 'k8s_app_shop-1_shop_7a-b_3', POD, 'docker'), {
    id: 'id',
    name: 'app',
    namespace: 'shop',
    labels: { ...POD, 'kubearmor.io/container.name': 'app', 'hauberk.io/container.name': 'app' },
    origin: 'docker',
  });
});

test('a name like those of a kubelet whose labels say something else is of no pod', () => {
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

test("a pod's pause container is no workload", () => {
  assert.equal(describeDockerContainer('id', 'k8s_POD_shop-1_shop_7a-b_0', POD, 'docker'), undefined);
});

test('a label gives a container that is of no pod its namespace, if it is the name of one', () => {
  const namespaceOf = (name: string, labels: Record<string, string>) =>
    describeDockerContainer('id', name, labels, 'docker')?.namespace;
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': 'shop' }), 'shop');
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': 'No Name' }), 'default');
  assert.equal(namespaceOf('web-1', { 'kubearmor.io/namespace': '' }), 'default');
  assert.equal(namespaceOf('k8s_app_shop-1_shop_7a-b_3', { ...POD, 'kubearmor.io/namespace': 'other' }), 'shop');
});
