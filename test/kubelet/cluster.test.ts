import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Condition } from '../../src/kubernetes/conditions.js';
import { ApiServer } from '../support/api-server.js';
import { Client } from '../support/client.js';
import { BUSYBOX_IMAGE, Containerd, NRI } from '../support/containerd.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { KubearmorClient } from '../support/kubearmor-client.js';
import { Kubelet, NAMESPACE, NODE, podObject } from '../support/kubelet.js';
import { accessesThrough, FIRST_ACCESS, FORBIDDEN, withFirstAccessRoot } from '../support/starts/first-access.js';
import { IMAGE, LABELS, USUAL_PLACES } from '../support/starts/first-instruction.js';

const PACKAGING = 'packaging/kubernetes';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const POLICIES = `/apis/hauberk.io/v1alpha1/namespaces/${NAMESPACE}/securitypolicies`;
const WAIT_MILLISECONDS = 240_000;
const POLICY = {
  apiVersion: 'hauberk.io/v1alpha1',
  kind: 'SecurityPolicy',
  metadata: { name: 'forbidding' },
  spec: {
    selector: { matchLabels: LABELS },
    file: { matchPaths: [{ path: FORBIDDEN.file }] },
    process: { matchPaths: [{ path: FORBIDDEN.program }] },
    network: { matchProtocols: [{ protocol: 'udp' }] },
    action: 'Block',
  },
};

const daemon = new Daemon();
const client = new Client(daemon.address);
const alertsAddress = `unix:${join(daemon.directory, 'kubearmor.sock')}`;
const kubearmor = new KubearmorClient(alertsAddress);
let server: ApiServer;
let containerd: Containerd;
let kubelet: Kubelet;

before(async () => {
  server = await ApiServer.start();
  const definitions = readdirSync(join(PACKAGING, 'crds')).map((name) => join('crds', name));
  for (const name of [...definitions, 'rbac.yaml']) await server.apply(readFileSync(join(PACKAGING, name), 'utf8'));
  await server.admin.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  containerd = await Containerd.start(NRI);
  await withFirstAccessRoot(async (root) => containerd.importImage(root, IMAGE, { entrypoint: [] }));
  await daemon.start(
    ...USUAL_PLACES,
    ...['--cri-socket', containerd.address, '--nri-socket', NRI.socket],
    ...['--kubeconfig', await server.kubeconfigOf('hauberk', 'hauberkd'), '--node-name', NODE],
    ...['--kubearmor-listen', alertsAddress],
  );
  kubelet = await Kubelet.start({
    program: process.env.HAUBERK_KUBELET!,
    criSocket: containerd.address,
    kubeconfig: server.kubeletConfig(),
  });
});

after(async () => {
  client.close();
  kubearmor.close();
  await kubelet?.stop();
  await daemon.end('SIGTERM');
  await containerd?.stop();
  await server?.stop();
});

async function messageOf(condition: string): Promise<string> {
  const { status } = (await server.admin.get(`${POLICIES}/forbidding`)) as { status?: { conditions?: Condition[] } };
  const found = status?.conditions?.find(({ type }) => type === condition);
  return `${found?.status} ${found?.message}`;
}

async function createPod(name: string, labels: Record<string, string>): Promise<void> {
  const containers = [
    { name: 'at-once', image: IMAGE, command: [FIRST_ACCESS] },
    { name: 'stays', image: BUSYBOX_IMAGE, command: ['/bin/sleep', '1000000'] },
  ];
  const { metadata, spec } = podObject({ name, labels, containers });
  await server.admin.create(PODS, { metadata, spec: { ...spec, nodeName: NODE, restartPolicy: 'Never' } });
}

test("a pod of a cluster is held to its policy from the first instruction, another is left alone, and status and KubeArmor's clients tell", async () => {
  const alerts = kubearmor.watchAlerts('policy');
  await alerts.opened;
  await server.create(POLICIES, POLICY);
  const isInForce = async () => (await messageOf('Accepted')).startsWith('True');
  await eventually(isInForce, 'the policy', WAIT_MILLISECONDS);
  await createPod('web', LABELS);
  await createPod('other', { app: 'other' });

  for (const [pod, through] of [
    ['web', []],
    ['other', ['file', 'program', 'socket']],
  ] as const) {
    const { state } = await kubelet.container(pod, 'at-once', (each) => each.state.terminated !== undefined);
    assert.deepEqual(accessesThrough(state.terminated!.exitCode), through, pod);
    await kubelet.container(pod, 'stays', (each) => each.state.running !== undefined);
  }

  const isCounted = async () => (await messageOf('Enforced')) === 'True in 1 container on 1 node';
  await eventually(isCounted, 'the status', WAIT_MILLISECONDS);
  await eventually(() => alerts.received.length >= 3, 'the alerts', WAIT_MILLISECONDS);
  const told = alerts.received.map(({ NamespaceName, PodName, ContainerName, PolicyName, Operation, Result }) =>
    [NamespaceName, PodName, ContainerName, PolicyName, Operation, Result].join(' '),
  );
  const expected = ['File', 'Network', 'Process'].map(
    (operation) => `${NAMESPACE} web at-once forbidding ${operation} Permission denied`,
  );
  assert.deepEqual(told.sort(), expected);
});
