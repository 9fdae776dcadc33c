import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { inCluster } from '../../src/kubernetes/access.js';
import { ApiClient, ApiError, type KubernetesObject } from '../../src/kubernetes/api-client.js';
import type { Condition } from '../../src/kubernetes/conditions.js';
import { type CriPod, describeCriContainer } from '../../src/sources/cri-containers.js';
import { ApiServer } from '../support/api-server.js';
import { ClusterNode, clusterPolicy as policy } from '../support/cluster-node.js';
import { eventually } from '../support/eventually.js';
import { objectsIn, rendered } from '../support/helm-chart.js';

const NODE = 'node-1';
/** Enough for hundreds of objects on a busy machine. */
const MANY_MILLISECONDS = 300_000;
const PODS = '/api/v1/namespaces/shop/pods';
const POLICIES = '/apis/hauberk.io/v1alpha1/namespaces/shop/securitypolicies';

interface PodSpec {
  readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[];
}

let server: ApiServer;
let node: ClusterNode;

before(async () => {
  server = await ApiServer.start();
  await server.prepareFor('shop');
  node = await ClusterNode.start(server, NODE);
});

after(async () => {
  await node?.stop();
  await server?.stop();
});

async function messagesOfEvents(reason: string): Promise<string> {
  const { items } = await server.admin.list<KubernetesObject & { reason: string; message: string }>('/api/v1/events');
  return items.flatMap((event) => (event.reason === reason ? [event.message] : [])).join();
}

async function conditionsOf(name: string): Promise<Record<string, Condition>> {
  const { status } = (await server.admin.get(`${POLICIES}/${name}`)) as { status?: { conditions?: Condition[] } };
  return Object.fromEntries((status?.conditions ?? []).map((condition) => [condition.type, condition]));
}

/** The Kubernetes events of a policy. */
async function eventsOf(name: string): Promise<string[]> {
  const fieldSelector = `involvedObject.name=${name},involvedObject.kind=SecurityPolicy`;
  const { items } = (await server.admin.get('/api/v1/namespaces/shop/events', { fieldSelector })) as {
    items: { type: string; reason: string; message: string }[];
  };
  return items.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
}

/** A process in its own mount namespace, so that no other process is taken for one of the container. */
async function isolatedProcess(): Promise<{ readonly pid: number; end(): Promise<void> }> {
  const child = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sleep', '1000']);
  const pid = child.pid!;
  const ours = readlinkSync('/proc/self/ns/mnt');
  await eventually(() => readlinkSync(`/proc/${pid}/ns/mnt`) !== ours, 'a mount namespace');
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid,
    end() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/** A pod of this node, with one container that is reported as by a runtime. */
async function startPod(
  name: string,
  labels: Record<string, string>,
  on: ClusterNode = node,
  nodeName = NODE,
): Promise<{ id: string; end(): Promise<void> }> {
  const containers = [{ name: 'main', image: 'registry.test/web:1' }];
  const made = await server.create(PODS, { metadata: { name, labels }, spec: { nodeName, containers } });
  return startContainer({ name, uid: made.metadata.uid!, namespace: 'shop', labels }, on);
}

/** The container of a pod, which is reported as by a runtime. */
async function startContainer(pod: CriPod, on: ClusterNode = node): Promise<{ id: string; end(): Promise<void> }> {
  const id = `container-of-${pod.name}`;
  const process = await isolatedProcess();
  on.sink.started({ description: describeCriContainer(id, 'main', pod), pid: process.pid });
  return {
    id,
    async end() {
      await process.end();
      on.sink.ended(id);
      await eventually(() => on.plane.containers.get(id) === undefined, 'the end of the container');
    },
  };
}

test('a policy that is created in Kubernetes reaches a container of this node, and its status reports it', async () => {
  await eventually(() => node.cluster.status().connected, 'the connection');
  const { id, end } = await startPod('web', { app: 'web' });
  await server.create(POLICIES, policy('no-shadow'));
  await eventually(() => node.reaching(id).includes('kubernetes:shop/no-shadow'), 'the policy in the container');
  assert.equal(node.plane.containers.get(id)?.image, 'registry.test/web:1');
  await eventually(async () => (await conditionsOf('no-shadow')).Enforced?.status === 'True', 'the status');
  await eventually(
    async () => (await conditionsOf('no-shadow')).Enforced?.message === 'in 1 container on 1 node',
    'counts',
  );
  assert.equal((await conditionsOf('no-shadow')).Accepted?.status, 'True');
  await end();
  await eventually(async () => (await conditionsOf('no-shadow')).Enforced?.reason === 'ReachesNothing', 'no container');
});

test('adding or removing labels of a running pod takes effect at once', async () => {
  const { id, end } = await startPod('unlabelled', { tier: 'back' });
  await eventually(() => node.plane.containers.get(id) !== undefined, 'the container');
  assert.deepEqual(node.reaching(id), []);
  await server.admin.patch(`${PODS}/unlabelled`, { metadata: { labels: { app: 'web' } } });
  await eventually(() => node.reaching(id).includes('kubernetes:shop/no-shadow'), 'the policy in the container');
  await server.admin.patch(`${PODS}/unlabelled`, { metadata: { labels: { app: null } } });
  await eventually(() => node.reaching(id).length === 0, 'no policy in the container');
  await end();
});

test('while a pod has the annotation its policies are audited or disabled, which the status counts', async () => {
  const { id, end } = await startPod('debugged', { app: 'web' });
  const modes = () => {
    const container = node.plane.containers.get(id);
    if (container === undefined) return undefined;
    return [...new Set(node.plane.containers.ruleSetOf(container).rules.map(({ policy: { mode } }) => mode))];
  };
  const annotate = (value: string | null) =>
    server.admin.patch(`${PODS}/debugged`, { metadata: { annotations: { 'kubearmor-policy': value } } });
  await eventually(() => modes()?.join() === '' && modes()?.length === 1, 'the policy');
  await annotate('audited');
  await eventually(() => modes()?.join() === 'audit', 'a policy that only reports');
  const warning = 'pod shop/debugged has its policies audited, set by hauberkd';
  assert.ok(node.cluster.warnings().includes(warning), node.cluster.warnings().join('\n'));
  await annotate('disabled');
  await eventually(() => modes()?.length === 0, 'no policy');
  await eventually(async () => (await conditionsOf('no-shadow')).Enforced?.reason === 'Overridden', 'the status');
  await annotate(null);
  await eventually(() => modes()?.join() === '' && modes()?.length === 1, 'the policy again');
  await end();
  assert.deepEqual(node.overrides, [
    'pod shop/debugged has its policies audited, set by hauberkd',
    'pod shop/debugged has its policies disabled, set by hauberkd',
    'pod shop/debugged has its policies as they are written again, or has ended',
  ]);
});

test('annotations of a namespace set its postures, and removing them resets the postures', async () => {
  const { policies } = node.plane;
  const path = '/api/v1/namespaces/shop';
  await server.admin.patch(path, { metadata: { annotations: { 'kubearmor-file-posture': 'block' } } });
  await eventually(() => policies.posturesFor('shop').file === 'block', 'the posture');
  await server.admin.patch(path, { metadata: { annotations: { 'kubearmor-file-posture': 'bloc' } } });
  await eventually(() => node.cluster.warnings().some((each) => each.includes('must be audit or block')), 'a warning');
  assert.equal(policies.posturesFor('shop').file, 'block', 'an invalid value does not reset the posture');
  await eventually(
    async () => (await messagesOfEvents('NotFollowed')).includes('is "bloc"; block, as it said'),
    'Event',
  );
  await server.admin.patch(path, { metadata: { annotations: { 'kubearmor-file-posture': null } } });
  await eventually(() => policies.posturesFor('shop').file === 'audit', 'no posture');
});

test('settings in a ConfigMap are the postures of all namespaces without their own, and changes take effect', async () => {
  const { policies } = node.plane;
  const path = '/api/v1/namespaces/hauberk/configmaps';
  const data = { 'default-file-posture': 'block', defaultNetworkPosture: 'audit' };
  const shown = (namespace: string) => [policies.posturesFor(namespace).file, policies.posturesFor(namespace).network];
  await server.admin.create(path, { metadata: { name: 'hauberk-config' }, data });
  await eventually(() => shown('shop').join() === 'block,audit', 'the postures');
  await server.admin.patch('/api/v1/namespaces/shop', {
    metadata: { annotations: { 'kubearmor-file-posture': 'audit' } },
  });
  await eventually(
    () => shown('shop').join() === 'audit,audit' && shown('other')[0] === 'block',
    "the namespace's own posture",
  );
  await server.admin.patch('/api/v1/namespaces/shop', {
    metadata: { annotations: { 'kubearmor-file-posture': null } },
  });
  await server.admin.delete(`${path}/hauberk-config`);
  await eventually(() => shown('shop').join() === 'audit,block', "the agent's own postures");
});

test('policies for hosts select this one by the current labels of its node', async () => {
  const { policies, containers } = node.plane;
  const kind = '/apis/hauberk.io/v1alpha1/hostsecuritypolicies';
  const spec = {
    nodeSelector: { matchLabels: { 'example.com/role': 'gateway' } },
    mode: 'audit',
    file: { matchPaths: [{ path: '/nowhere/at/all' }] },
  };
  await server.admin.create('/api/v1/nodes', { metadata: { name: NODE, labels: { 'example.com/role': 'worker' } } });
  const head = { apiVersion: 'hauberk.io/v1alpha1', kind: 'HostSecurityPolicy', metadata: { name: 'gateways' } };
  await server.create(kind, { ...head, spec });
  const reached = async () => {
    const ofHost = policies.list().filter(({ scope }) => scope === 'host');
    return (await Promise.all(ofHost.map((each) => policies.containerIdsReachedBy(each)))).flat();
  };
  const label = () => containers.get('host')?.labels['example.com/role'];
  await eventually(() => label() === 'worker' && node.keys.includes('kubernetes:host:gateways'), 'label and policy');
  assert.deepEqual(await reached(), []);
  await server.admin.patch(`/api/v1/nodes/${NODE}`, { metadata: { labels: { 'example.com/role': 'gateway' } } });
  await eventually(
    async () => (await reached()).join() === 'host' && node.plane.kernel.isHostEnforced,
    'the policy in the host',
  );
  await server.admin.patch(`/api/v1/nodes/${NODE}`, { metadata: { labels: { 'example.com/role': null } } });
  await eventually(
    async () => (await reached()).length === 0 && !node.plane.kernel.isHostEnforced,
    'no policy in the host',
  );
  await server.admin.delete(`${kind}/gateways`);
});

test('a policy that cannot be read is refused in its status, by field, and the last accepted version stays in force', async () => {
  await server.create(POLICIES, policy('broken', { file: { matchPaths: [{ path: 'etc/shadow' }] } }));
  await eventually(async () => (await conditionsOf('broken')).Accepted?.status === 'False', 'the refusal');
  const { Accepted, Enforced } = await conditionsOf('broken');
  assert.equal(Accepted?.reason, 'Invalid');
  assert.match(Accepted?.message ?? '', /^spec\.file\.matchPaths\[0\]\.path: /);
  assert.equal(Enforced?.status, 'False');
  assert.ok(!node.keys.includes('kubernetes:shop/broken'));
  await eventually(
    async () => (await eventsOf('broken')).join() === `Warning Invalid ${Accepted?.message}`,
    'the Event',
  );
  await server.admin.patch(`${POLICIES}/broken`, policy('broken'));
  await eventually(() => node.keys.includes('kubernetes:shop/broken'), 'the policy');
  await server.admin.patch(`${POLICIES}/broken`, { spec: { file: { matchPaths: [{ path: 'again/wrong' }] } } });
  await eventually(async () => (await conditionsOf('broken')).Enforced?.reason === 'EarlierForm', 'the earlier form');
  assert.ok(node.keys.includes('kubernetes:shop/broken'));
  await server.admin.delete(`${POLICIES}/broken`);
  await eventually(() => !node.keys.includes('kubernetes:shop/broken'), 'the end of the policy');
});

test('policies of clients and of the cluster do not affect each other', async () => {
  const { policies } = node.plane;
  const own = policies.readManifest(
    JSON.stringify({ ...policy('by-client'), metadata: { name: 'no-shadow', namespace: 'shop' } }),
  );
  await policies.sync(own, 0);
  await server.create(POLICIES, policy('another'));
  await eventually(() => node.keys.includes('kubernetes:shop/another'), 'the policy of the cluster');
  assert.ok(node.keys.includes('shop/no-shadow') && node.keys.includes('kubernetes:shop/no-shadow'));
  await policies.sync([], 0);
  assert.deepEqual(node.keys, ['kubernetes:shop/another', 'kubernetes:shop/no-shadow']);
  await server.admin.delete(`${POLICIES}/another`);
  await eventually(() => !node.keys.includes('kubernetes:shop/another'), 'the end of the policy');
});

test('one of two nodes writes the status of policies for both, and when it ends the other takes over', async () => {
  const other = await ClusterNode.start(server, 'node-2');
  try {
    const [one, two] = [
      await startPod('here', { app: 'web' }),
      await startPod('there', { app: 'web' }, other, 'node-2'),
    ];
    const hasMessage = (message: string) => async () => (await conditionsOf('no-shadow')).Enforced?.message === message;
    await eventually(hasMessage('in 2 containers on 2 nodes'), 'the counts of both');
    // As if the daemon of the second had ended long ago.
    const report = '/api/v1/namespaces/hauberk-nodes/configmaps/node-node-9';
    const silent = JSON.stringify({
      node: 'node-9',
      enforcing: true,
      reason: '',
      policies: { 'kubernetes:shop/no-shadow': [4, 0] },
    });
    await server.admin.create(report.replace('/node-node-9', ''), {
      metadata: { name: 'node-node-9', labels: { 'hauberk.io/node-report': '' } },
      data: { report: silent, renewed: '2020-01-01T00:00:00Z' },
    });
    const message = 'nothing was heard of node node-9 for 15 minutes; in 2 containers on 2 nodes';
    await eventually(hasMessage(message), 'the node that is silent');
    assert.equal((await conditionsOf('no-shadow')).Enforced?.status, 'Unknown');
    await server.admin.delete(report);
    await eventually(hasMessage('in 2 containers on 2 nodes'), 'the counts of both again');
    await one.end();
    await eventually(hasMessage('in 1 container on 1 node'), 'the counts without the first');
    await node.cluster.stop();
    await two.end();
    await eventually(hasMessage('in 0 containers on 0 nodes'), 'the counts by the other one');
    node = await ClusterNode.start(server, NODE);
    await eventually(
      () => node.keys.includes('kubernetes:shop/no-shadow'),
      'the policies on the node that starts again',
    );
  } finally {
    await other.stop();
  }
});

test('while the API server is unreachable known policies stay in force, and afterwards missed changes are applied', async () => {
  await server.stopApi();
  await eventually(() => !node.cluster.status().connected, 'the loss of the connection');
  assert.deepEqual(node.keys, ['kubernetes:shop/no-shadow']);
  assert.match(node.cluster.warnings().join(), /Kubernetes is not followed, what is known of it stays in force/);
  const pod = { name: 'meanwhile', uid: 'not-known-yet', namespace: 'shop', labels: { app: 'web' } };
  const { id, end } = await startContainer(pod);
  await eventually(() => node.reaching(id).includes('kubernetes:shop/no-shadow'), 'the policy, by the labels of CRI');
  await end();
  await server.startApi();
  await server.create(POLICIES, policy('later'));
  await eventually(() => node.keys.includes('kubernetes:shop/later'), 'the policy');
  await eventually(() => node.cluster.status().connected, 'the connection');
});

test('after its resource version has expired the daemon lists again', async () => {
  await server.stopApi();
  await eventually(() => !node.cluster.status().connected, 'the loss of the connection');
  await server.startApi();
  for (const name of ['one', 'two']) await server.create(POLICIES, policy(name));
  await eventually(
    () =>
      server.admin.delete(`${POLICIES}/later`).then(
        () => true,
        () => false,
      ),
    'the deletion',
  );
  await server.stopApi();
  await server.compact();
  await server.startApi();
  const expected = ['kubernetes:shop/no-shadow', 'kubernetes:shop/one', 'kubernetes:shop/two'];
  await eventually(() => node.keys.join() === expected.join(), 'the policies there are');
});

test('an invalid file of authorities is reported, and the authorities before it stay in use', async () => {
  const isReported = () =>
    node.cluster.warnings().some((each) => /replaced by something that cannot be used: .*not PEM/u.test(each));
  await eventually(() => node.cluster.status().connected, 'the connection');
  writeFileSync(join(dirname(node.tokenFile), 'ca.crt'), 'half writ');
  await eventually(isReported, 'a warning');
  assert.equal(node.cluster.status().connected, true);
  await server.serviceAccount('hauberk', 'hauberkd');
  await eventually(() => !isReported(), 'no warning');
});

test('a replaced token is used from then on', async () => {
  writeFileSync(node.tokenFile, 'no token at all');
  await server.stopApi();
  await server.startApi();
  await eventually(() => /Unauthorized/.test(node.cluster.status().reason), 'the refusal');
  await server.serviceAccount('hauberk', 'hauberkd');
  await eventually(() => node.cluster.status().connected, 'the connection');
});

test('requests to an overloaded API server are repeated, and known policies stay in force meanwhile', async () => {
  await server.refuse('system:serviceaccounts:hauberk');
  try {
    const isRefused = () => /\b429\b/u.test(node.cluster.status().reason);
    let refused = false;
    // Watches that are opened before the server has read whom it refuses continue until it starts again.
    for (let attempt = 0; attempt < 5 && !refused; attempt++) {
      // Ends existing watches, so that the daemon has to open them again.
      await server.stopApi();
      await server.startApi();
      refused = await eventually(isRefused, 'the refusal', 10_000).then(
        () => true,
        () => false,
      );
    }
    assert.ok(refused);
    assert.ok(node.keys.includes('kubernetes:shop/no-shadow'));
    await server.create(POLICIES, policy('after-the-rush'));
  } finally {
    await server.refuse(undefined);
  }
  await eventually(() => node.keys.includes('kubernetes:shop/after-the-rush'), 'the policy');
  await eventually(() => node.cluster.status().connected, 'the connection');
  await server.admin.delete(`${POLICIES}/after-the-rush`);
});

test("policies of KubeArmor's kinds are followed with their extensions, once the cluster has these kinds", async () => {
  await server.apply(readFileSync('packaging/kubernetes/kubearmor-crds.yaml', 'utf8'));
  const kubearmors = '/apis/security.kubearmor.com/v1';
  const { spec } = policy('', { mode: 'audit', severity: 5 }) as { spec: object };
  const head = { apiVersion: 'security.kubearmor.com/v1', metadata: { name: 'no-shadow' } };
  await server.create(`${kubearmors}/namespaces/shop/kubearmorpolicies`, { ...head, kind: 'KubeArmorPolicy', spec });
  await server.create(`${kubearmors}/kubearmorclusterpolicies`, { ...head, kind: 'KubeArmorClusterPolicy', spec });
  const expected = ['kubernetes-kubearmor:cluster:no-shadow', 'kubernetes-kubearmor:shop/no-shadow'];
  await eventually(() => expected.every((key) => node.keys.includes(key)), 'the policies');
  assert.ok(node.keys.includes('kubernetes:shop/no-shadow'), 'a different policy of the same name');
  const held = node.plane.policies.get({ namespace: 'shop', name: 'no-shadow', origin: 'kubernetes-kubearmor' });
  assert.equal(held?.mode, 'audit');
  const path = `${kubearmors}/namespaces/shop/kubearmorpolicies/no-shadow`;
  await eventually(async () => {
    const { status } = (await server.admin.get(path)) as { status?: { status?: string } };
    return status?.status === 'ReachesNothing: in 0 containers on 0 nodes';
  }, 'the status');
});

test('the API server accepts the shipped objects, with every field', async () => {
  for (const name of ['rbac.yaml', 'daemonset.yaml', 'hook-install.yaml', 'hook-uninstall.yaml']) {
    await server.apply(readFileSync(`packaging/kubernetes/${name}`, 'utf8'), { dryRun: true });
  }
});

test("the API server accepts the PodMonitor by the Prometheus operator's definition, with every field", async () => {
  await server.apply(readFileSync(process.env.HAUBERK_POD_MONITORS!, 'utf8'));
  const path = '/apis/monitoring.coreos.com/v1/namespaces/hauberk/podmonitors?fieldValidation=Strict&dryRun=All';
  await server.create(path, parse(readFileSync('packaging/kubernetes/podmonitor.yaml', 'utf8')));
});

test("the API server accepts the chart's objects, with every field", async () => {
  const text = rendered(
    'createNamespace=true',
    'image={"repository":"registry:5000/hauberk","tag":"1","pullPolicy":"Always"}',
    'imagePullSecrets=[{"name":"pull"}]',
    'tolerations=[]',
    'resources={"limits":{"memory":"2Gi"}}',
    'extraArgs=["--detach-on-exit"]',
    'config={"roles":{"viewer":["cn:dashboard"]}}',
    'postures={"file":"block"}',
    'metrics={"port":9464,"podMonitor":true}',
    'hook={"state":"install","whenUnanswered":"refuse"}',
  );
  await server.apply(text, { dryRun: true });
  const objects = objectsIn(text) as Record<
    string,
    { data: Record<string, string>; spec: { template: { spec: PodSpec } } }
  >;
  assert.deepEqual(objects['ConfigMap hauberk/hauberk-config']!.data, { 'default-file-posture': 'block' });
  assert.deepEqual(parse(objects['ConfigMap hauberk/hauberkd-file']!.data['hauberkd.yaml']!), {
    roles: { viewer: ['cn:dashboard'] },
  });
  const [container] = objects['DaemonSet hauberk/hauberkd']!.spec.template.spec.containers;
  const flags = ['--kubernetes', '--config=/etc/hauberk/hauberkd.yaml', '--metrics=0.0.0.0:9464', '--detach-on-exit'];
  assert.deepEqual([container!.image, container!.args], ['registry:5000/hauberk:1', flags]);
  assert.match(text, /--when-unanswered, refuse/);
  await server.apply(rendered('hook.state="uninstall"'), { dryRun: true });
});

test('the daemon has no right that it does not use', async () => {
  const { directory, environment } = await server.serviceAccount('hauberk', 'hauberkd');
  const client = new ApiClient(inCluster(environment, directory));
  const forbidden = (requested: Promise<unknown>) =>
    assert.rejects(requested, (error) => error instanceof ApiError && error.code === 403);
  try {
    await forbidden(client.create(POLICIES, policy('own')));
    await forbidden(client.patch(`${POLICIES}/no-shadow`, { spec: { severity: 1 } }));
    await forbidden(client.delete(`${POLICIES}/no-shadow`));
    await forbidden(client.get(`${POLICIES}/no-shadow`));
    await forbidden(client.get(`${PODS}/web`));
    const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/securitypolicies.hauberk.io';
    await forbidden(client.patch(definition, { metadata: { labels: { a: 'b' } } }));
    await forbidden(client.delete(definition));
    await forbidden(client.get('/api/v1/namespaces/shop/secrets'));
    await forbidden(client.get('/api/v1/namespaces/hauberk/secrets'));
    // The token of a node cannot set the postures of all namespaces.
    const settings = { metadata: { name: 'hauberk-config' }, data: { 'default-file-posture': 'audit' } };
    await forbidden(client.create('/api/v1/namespaces/hauberk/configmaps', settings));
    await forbidden(client.patch('/api/v1/namespaces/hauberk/configmaps/hauberk-config', settings));
    await forbidden(client.patch(`${PODS}/web`, { metadata: { labels: { app: 'other' } } }));
    await forbidden(client.get('/api/v1/namespaces/shop/configmaps'));
    await forbidden(client.get('/api/v1/namespaces/shop/events'));
    await forbidden(client.patch(`/api/v1/nodes/${NODE}`, { metadata: { labels: { a: 'b' } } }));
  } finally {
    client.close();
  }
});

test('each of a hundred pods that start together comes under its policy, whose status counts them', async () => {
  await server.create(POLICIES, policy('of-many', { selector: { matchLabels: { tier: 'many' } } }));
  const names = Array.from({ length: 100 }, (_, index) => `many-${index}`);
  const pods = await Promise.all(names.map((name) => startPod(name, { tier: 'many' })));
  const isReached = ({ id }: { id: string }) => node.reaching(id).includes('kubernetes:shop/of-many');
  await eventually(() => pods.every(isReached), 'the policy in all', MANY_MILLISECONDS);
  const isCounted = async () => (await conditionsOf('of-many')).Enforced?.message === 'in 100 containers on 1 node';
  await eventually(isCounted, 'the counts', MANY_MILLISECONDS);
  await Promise.all(pods.map(({ end }) => end()));
});

test('five hundred policies come into force together, and a broken one among them delays none', async () => {
  const names = Array.from({ length: 500 }, (_, index) => `many-${index}`);
  for (let begin = 0; begin < names.length; begin += 50) {
    await Promise.all(names.slice(begin, begin + 50).map((name) => server.admin.create(POLICIES, policy(name))));
  }
  await server.admin.patch(`${POLICIES}/many-7`, { spec: { file: { matchPaths: [{ path: 'wrong' }] } } });
  const areAllThere = () => names.every((name) => node.keys.includes(`kubernetes:shop/${name}`));
  await eventually(areAllThere, 'all of them', MANY_MILLISECONDS);
  const isRefused = async () => (await conditionsOf('many-7')).Accepted?.status === 'False';
  await eventually(isRefused, 'the refusal of one', MANY_MILLISECONDS);
});
