import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Condition } from '../../src/kubernetes/conditions.js';
import { OWNER_LABELS } from '../../src/policy/selector-labels.js';
import { ApiServer } from '../support/api-server.js';
import { ClusterNode, clusterPolicy } from '../support/cluster-node.js';
import { BUSYBOX_IMAGE, Containerd, containerdMissing } from '../support/containerd.js';
import { eventually } from '../support/eventually.js';
import { idOf, Kubelet, kubeletMissing, NAMESPACE, NODE, podObject } from '../support/kubelet.js';

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const POLICIES = `/apis/hauberk.io/v1alpha1/namespaces/${NAMESPACE}/securitypolicies`;
const CONTAINER = 'main';
const MANY_PODS = 100;
const MANY_POLICIES = 500;
/** With more, a slow machine would delay kubelet's status of the earlier ones. */
const AT_ONCE = 20;
/** Enough for all of them on a busy machine. */
const MANY_MILLISECONDS = 300_000;

/** A real node except for the kernel: pods come from the API server, kubelet and containerd create them, CRI reports them. */
describe('pods that kubelet creates', { skip: kubeletMissing() ?? containerdMissing('1.7') ?? false }, () => {
  let server: ApiServer;
  let containerd: Containerd;
  let kubelet: Kubelet;
  let node: ClusterNode;

  before(async () => {
    server = await ApiServer.start();
    await server.prepareFor(NAMESPACE);
    containerd = await Containerd.start({ version: '1.7' });
    kubelet = await Kubelet.start({
      program: process.env.HAUBERK_KUBELET!,
      criSocket: containerd.address,
      kubeconfig: server.kubeletConfig(),
    });
    await startNode();
    await server.create(POLICIES, clusterPolicy('no-shadow'));
  });

  after(async () => {
    await node?.stop();
    await kubelet?.stop();
    await containerd?.stop();
    await server?.stop();
  });

  async function startNode(): Promise<void> {
    node = await ClusterNode.start(server, NODE);
    node.followRuntime(containerd.address);
  }

  /** Creates a pod, and returns the id of its container once it runs. */
  async function startPod(name: string, labels: Record<string, string>): Promise<string> {
    const container = { name: CONTAINER, image: BUSYBOX_IMAGE, command: ['/bin/sleep', '1000000'] };
    const { metadata, spec } = podObject({ name, labels, containers: [container] });
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: `of-${name}`,
      uid: `uid-of-${name}`,
      controller: true,
    };
    const pod = { metadata: { ...metadata, ownerReferences: [owner] }, spec: { ...spec, nodeName: NODE } };
    await server.admin.create(PODS, pod);
    return idOf(await kubelet.container(name, CONTAINER, ({ state }) => state.running !== undefined));
  }

  const reached = (id: string, policy = 'no-shadow') => node.reaching(id).includes(`kubernetes:${NAMESPACE}/${policy}`);

  async function enforced(policy: string): Promise<string | undefined> {
    const { status } = (await server.admin.get(`${POLICIES}/${policy}`)) as { status?: { conditions?: Condition[] } };
    return status?.conditions?.find(({ type }) => type === 'Enforced')?.message;
  }

  test('a pod comes under the policy of its labels, is reported by its name in Kubernetes, and is counted in the status', async () => {
    const [id, other] = await Promise.all([startPod('web', { app: 'web' }), startPod('other', { app: 'other' })]);
    await eventually(() => reached(id), 'the policy in the container');
    await eventually(
      () => node.plane.containers.get(id)?.image === BUSYBOX_IMAGE,
      'fields that only the API server has',
    );
    const { name, namespace, labels } = node.plane.containers.get(id)!;
    assert.deepEqual([name, namespace, labels['io.kubernetes.pod.name']], [CONTAINER, NAMESPACE, 'web']);
    assert.deepEqual([labels[OWNER_LABELS.kind], labels[OWNER_LABELS.name]], ['ReplicaSet', 'of-web']);
    await eventually(() => node.plane.containers.get(other) !== undefined, 'the other container');
    assert.deepEqual(node.reaching(other), []);
    await eventually(async () => (await enforced('no-shadow')) === 'in 1 container on 1 node', 'the status');
  });

  test('adding or removing labels of a running pod takes effect at once', async () => {
    const id = idOf(await kubelet.container('other', CONTAINER, ({ state }) => state.running !== undefined));
    await server.admin.patch(`${PODS}/other`, { metadata: { labels: { app: 'web' } } });
    await eventually(() => reached(id), 'the policy in the container');
    await server.admin.patch(`${PODS}/other`, { metadata: { labels: { app: 'other' } } });
    await eventually(() => !reached(id), 'no policy in the container');
  });

  test('postures in annotations of the namespace hold for its containers', async () => {
    const id = idOf(await kubelet.container('web', CONTAINER, ({ state }) => state.running !== undefined));
    const file = { matchPaths: [{ path: '/tmp/own' }] };
    await server.create(POLICIES, clusterPolicy('own-alone', { file, action: 'Allow' }));
    await eventually(() => reached(id, 'own-alone'), 'a policy that brings a posture into force');
    const posture = () => node.plane.containers.ruleSetOf(node.plane.containers.get(id)!).postures.read;
    const annotate = (value: string | null) =>
      server.admin.patch(`/api/v1/namespaces/${NAMESPACE}`, {
        metadata: { annotations: { 'kubearmor-file-posture': value } },
      });
    const before = posture();
    assert.ok(before === 'audit' || before === 'block', before);
    await annotate(before === 'block' ? 'audit' : 'block');
    await eventually(() => posture() !== before, 'the posture');
    await annotate(null);
    await eventually(() => posture() === before, 'the posture of before');
    await server.admin.delete(`${POLICIES}/own-alone`);
    await eventually(() => !reached(id, 'own-alone'), 'the end of the policy');
  });

  test('a pod that restarts while the API server is unreachable comes under its policy, and is counted afterwards', async () => {
    const id = idOf(await kubelet.container('web', CONTAINER, ({ state }) => state.running !== undefined));
    await server.stopApi();
    await eventually(() => !node.cluster.status().connected, 'the loss of the connection');
    await containerd.runtime.stopContainer(id);
    // Not from kubelet's own API, which shows the status of its pods only as the API server has it.
    const again = () =>
      node.plane.containers.list().find((each) => each.id !== id && each.labels['io.kubernetes.pod.name'] === 'web');
    await eventually(() => again() !== undefined && reached(again()!.id), 'the policy in the new container');
    await eventually(() => node.plane.containers.get(id) === undefined, 'the end of the one before');
    await server.startApi();
    await eventually(() => node.cluster.status().connected, 'the connection');
    assert.ok(reached(again()!.id));
    await eventually(async () => (await enforced('no-shadow')) === 'in 1 container on 1 node', 'the status');
  });

  test('while its token is refused the daemon puts a new pod under its policy, and then uses the replaced token', async () => {
    writeFileSync(node.tokenFile, 'no token at all');
    await server.stopApi();
    await server.startApi();
    await eventually(() => /Unauthorized/u.test(node.cluster.status().reason), 'the refusal');
    const id = await startPod('without-token', { app: 'web' });
    await eventually(() => reached(id), 'the policy in the container');
    assert.equal(node.plane.containers.get(id)?.image, undefined);
    await server.serviceAccount('hauberk', 'hauberkd');
    await eventually(() => node.cluster.status().connected, 'the connection');
    await eventually(
      () => node.plane.containers.get(id)?.image === BUSYBOX_IMAGE,
      'fields that only the API server has',
    );
    await server.admin.delete(`${PODS}/without-token`);
    await eventually(() => node.plane.containers.get(id) === undefined, 'the end of the container');
  });

  test('a hundred pods come under their five hundred policies, also when the daemon restarts', async () => {
    const policies = Array.from({ length: MANY_POLICIES }, (_, index) => `many-${index}`);
    const selector = (index: number) => ({
      matchLabels: index % 10 === 0 ? { tier: 'many' } : { tier: `of-${index}` },
    });
    for (const [index, name] of policies.entries())
      await server.admin.create(POLICIES, clusterPolicy(name, { selector: selector(index) }));
    const expected = policies.filter((_, index) => index % 10 === 0).sort();
    const ids: string[] = [];
    const names = Array.from({ length: MANY_PODS }, (_, index) => `many-${index}`);
    for (let begin = 0; begin < names.length; begin += AT_ONCE)
      ids.push(
        ...(await Promise.all(names.slice(begin, begin + AT_ONCE).map((name) => startPod(name, { tier: 'many' })))),
      );
    const keys = expected.map((name) => `kubernetes:${NAMESPACE}/${name}`).join();
    const areReached = () => ids.every((id) => node.reaching(id).sort().join() === keys);
    await eventually(areReached, 'the policies in all', MANY_MILLISECONDS);
    const isCounted = async () => (await enforced('many-0')) === `in ${MANY_PODS} containers on 1 node`;
    await eventually(isCounted, 'the status', MANY_MILLISECONDS);
    await node.stop();
    await startNode();
    await eventually(areReached, 'the policies in all, by a daemon that starts again', MANY_MILLISECONDS);
  });
});
