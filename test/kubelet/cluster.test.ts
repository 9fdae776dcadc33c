import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ApiServer } from '../support/api-server.js';
import { Client } from '../support/client.js';
import { BUSYBOX_IMAGE, Containerd, NRI } from '../support/containerd.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { KubearmorClient } from '../support/kubearmor-client.js';
import { type ContainerStatus, idOf, Kubelet, NAMESPACE, NODE, podObject } from '../support/kubelet.js';
import { accessesThrough, FIRST_ACCESS, FORBIDDEN, withFirstAccessRoot } from '../support/starts/first-access.js';
import { IMAGE } from '../support/starts/first-instruction.js';

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const POLICIES = `
apiVersion: hauberk.io/v1alpha1
kind: SecurityPolicy
metadata: {name: no-shadow, namespace: ${NAMESPACE}}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: ${FORBIDDEN.file}}]}
  process: {matchPaths: [{path: ${FORBIDDEN.program}}]}
  action: Block
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: no-datagrams, namespace: ${NAMESPACE}}
spec:
  selector: {matchLabels: {app: web}}
  network: {matchProtocols: [{protocol: udp}]}
  action: Block
`;

const daemon = new Daemon();
const client = new Client(daemon.address);
let server: ApiServer;
let containerd: Containerd;
let kubelet: Kubelet;
let kubearmor: KubearmorClient;

before(async () => {
  server = await ApiServer.start();
  await server.prepareFor(NAMESPACE);
  await server.apply(readFileSync('packaging/kubernetes/kubearmor-crds.yaml', 'utf8'));
  containerd = await Containerd.start(NRI);
  await withFirstAccessRoot(async (root) => containerd.importImage(root, IMAGE, { entrypoint: [] }));
  const kubearmorAddress = `127.0.0.1:${await freePort()}`;
  await daemon.start(
    ...['--kubeconfig', await server.kubeconfigOf('hauberk', 'hauberkd'), '--node-name', NODE],
    ...['--cri-socket', containerd.address, '--nri-socket', NRI.socket, '--kubearmor-listen', kubearmorAddress],
  );
  kubelet = await Kubelet.start({
    program: process.env.HAUBERK_KUBELET!,
    criSocket: containerd.address,
    kubeconfig: server.kubeletConfig(),
  });
  kubearmor = new KubearmorClient(kubearmorAddress);
});

after(async () => {
  kubearmor?.close();
  client.close();
  await kubelet?.stop();
  await daemon.end('SIGTERM');
  await containerd?.stop();
  await server?.stop();
});

/** Kubernetes' own command line. */
function kubectl(parameters: readonly string[], input = ''): string {
  const flags = ['--kubeconfig', server.adminConfig(), '--namespace', NAMESPACE];
  return execFileSync(process.env.HAUBERK_KUBECTL!, [...flags, ...parameters], { input, encoding: 'utf8' });
}

/** The accesses of a pod's first process that succeeded, and its container's id. */
async function firstAccesses(pod: string): Promise<{ id: string; through: string[] }> {
  const ended = (status: ContainerStatus) => (status.lastState.terminated ?? status.state.terminated) !== undefined;
  const container = await kubelet.container(pod, 'at-once', ended);
  const { exitCode } = (container.lastState.terminated ?? container.state.terminated)!;
  return { id: idOf(container), through: accessesThrough(exitCode) };
}

test("a cluster's policies bind a pod from its first instruction, and no other; kubectl and KubeArmor's clients see it", async () => {
  kubectl(['apply', '--filename', '-'], POLICIES);
  await eventually(async () => {
    const { policies } = await client.call('PolicyService', 'ListPolicies');
    return policies.length === 2;
  }, 'the policies');
  const alerts = kubearmor.watchAlerts('policy');
  await alerts.opened;

  const containers = [
    { name: 'at-once', image: IMAGE, command: [FIRST_ACCESS] },
    { name: 'stays', image: BUSYBOX_IMAGE, command: ['/bin/sleep', '1000000'] },
  ];
  for (const [name, app] of [
    ['web', 'web'],
    ['other', 'other'],
  ] as const) {
    const { metadata, spec } = podObject({ name, labels: { app }, containers });
    await server.admin.create(PODS, { metadata, spec: { ...spec, restartPolicy: 'Never', nodeName: NODE } });
  }
  const [bound, other] = await Promise.all([firstAccesses('web'), firstAccesses('other')]);
  assert.deepEqual(bound.through, []);
  assert.deepEqual(other.through, ['file', 'program', 'socket']);

  await eventually(() => alerts.received.length >= 3, 'the alerts');
  assert.deepEqual(
    alerts.received
      .map(({ PolicyName, Operation, Result }) => [PolicyName, Operation, Result])
      .sort(([, one], [, two]) => String(one).localeCompare(String(two))),
    [
      ['no-shadow', 'File', 'Permission denied'],
      ['no-datagrams', 'Network', 'Permission denied'],
      ['no-shadow', 'Process', 'Permission denied'],
    ],
  );
  for (const alert of alerts.received) {
    const { PodName, NamespaceName, ContainerName, ContainerID } = alert;
    assert.deepEqual(
      { PodName, NamespaceName, ContainerName, ContainerID },
      { PodName: 'web', NamespaceName: NAMESPACE, ContainerName: 'at-once', ContainerID: bound.id },
    );
  }

  await kubelet.container('web', 'stays', ({ state }) => state.running !== undefined);
  const shown = (kind: string) => kubectl(['get', kind, '--output', 'wide', '--no-headers']);
  await eventually(() => /^no-shadow +True +True +1 +1 /mu.test(shown('secpol')), 'the status of our kind');
  await eventually(
    () => /^no-datagrams +Enforced: in 1 container on 1 node /mu.test(shown('ksp')),
    'that of KubeArmor',
  );
});
