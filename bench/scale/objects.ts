import type { KubernetesObject, ObjectMetadata } from '../../src/kubernetes/api-client.js';
import type { NodeReport } from '../../src/kubernetes/node-report.js';
import { policyKey } from '../../src/policy/model.js';
import {
  type Cluster,
  isForAll,
  nameOf,
  namespaceOf,
  nodeName,
  PODS_PER_NODE,
  POLICIES_PER_WORKLOAD,
  policyName,
  policyNamespace,
  workloadOf,
} from './cluster.js';

const TIME = '2026-01-02T03:04:05Z';
const OWN = 'hauberk.io/v1alpha1';
const CONDITIONS = ['Accepted', 'Enforced'];

/** A UID in the API server's format. */
export function uidOf(kind: number, number: number): string {
  return `${String(kind).padStart(8, '0')}-89ab-4cde-8f01-${String(number).padStart(12, '0')}`;
}

/** A policy as made by `kubectl apply`, with a status. */
export function policyObject(number: number, { generation = 1, containers = 50, nodes = 50 } = {}): object {
  const isCluster = isForAll(number);
  const kind = isCluster ? 'ClusterSecurityPolicy' : 'SecurityPolicy';
  const name = policyName(number);
  const within = isCluster ? {} : { namespace: policyNamespace(number) };
  const spec = specOf(number, generation);
  const applied = { apiVersion: OWN, kind, metadata: { annotations: {}, name, ...within }, spec };
  const message = `in ${containers} containers on ${nodes} nodes`;
  const condition = (type: string) => ({
    type,
    status: 'True',
    reason: type,
    message: type === 'Enforced' ? message : '',
    observedGeneration: generation,
    lastTransitionTime: TIME,
  });
  return {
    apiVersion: OWN,
    kind,
    metadata: {
      name,
      ...within,
      uid: uidOf(1, number),
      generation,
      resourceVersion: String(1_000_000 + number),
      creationTimestamp: TIME,
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(applied)}\n` },
      managedFields: [
        writer('kubectl-client-side-apply', OWN, { 'f:metadata': { 'f:annotations': {} }, 'f:spec': fieldsOf(spec) }),
        writer('hauberkd', OWN, {
          'f:status': { '.': {}, 'f:conditions': {}, 'f:containers': {}, 'f:nodes': {} },
        }),
      ],
    },
    spec,
    status: { conditions: CONDITIONS.map(condition), containers, nodes },
  };
}

/** Eight rules of the most common kinds. */
function specOf(number: number, generation: number): object {
  const workload = Math.floor(number / POLICIES_PER_WORKLOAD);
  const path = (part: string) => `/srv/${nameOf(workload)}/${part}-${number}`;
  return {
    ...(isForAll(number)
      ? { selector: { matchExpressions: [{ key: 'namespace', operator: 'NotIn', values: ['kube-system'] }] } }
      : { selector: { matchLabels: { app: nameOf(workload) } } }),
    severity: 1 + (number % 10),
    message: `revision ${generation} of what ${nameOf(workload)} may not do`,
    process: { matchPaths: [{ path: `/usr/bin/tool-${number}` }, { path: `/usr/sbin/service-${number}` }] },
    file: {
      matchPaths: [{ path: path('secret.yml'), readOnly: true }, { path: path('key.pem') }],
      matchDirectories: [{ dir: `${path('private')}/`, recursive: true }, { dir: `${path('keys')}/` }],
      matchPatterns: [{ pattern: `${path('data')}/**/backup-*.db` }],
    },
    network: { matchProtocols: [{ protocol: 'raw' }] },
    action: 'Block',
  };
}

/** A running pod, as written by the scheduler, its controller and its kubelet. */
export function podObject(cluster: Cluster, node: number, pod: number, age = 0): KubernetesObject {
  const workload = workloadOf(cluster, node, pod);
  const [name, hash] = [nameOf(workload), '7d9c6b5f48'];
  const labels = {
    app: name,
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/part-of': namespaceOf(workload),
    'pod-template-hash': hash,
  };
  const container = {
    name: 'main',
    image: `registry.example.com/${namespaceOf(workload)}/${name}:1.2.3`,
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: Array.from({ length: 10 }, (_, index) => ({ name: `SETTING_${index}`, value: `value-of-setting-${index}` })),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '250m', memory: '256Mi' } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/app' },
      { name: 'kube-api-access', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ],
    livenessProbe: probe('/live'),
    readinessProbe: probe('/ready'),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true },
  };
  const spec = {
    volumes: [
      { name: 'config', configMap: { name: `${name}-config`, defaultMode: 420 } },
      { name: 'kube-api-access', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607 } }] } },
    ],
    containers: [container],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: name,
    nodeName: nodeName(node),
    schedulerName: 'default-scheduler',
    tolerations: ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  };
  const status = {
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: TIME,
      }),
    ),
    hostIP: '10.0.0.1',
    podIP: '10.128.0.1',
    podIPs: [{ ip: '10.128.0.1' }],
    startTime: TIME,
    containerStatuses: [
      {
        name: 'main',
        state: { running: { startedAt: TIME } },
        ready: true,
        restartCount: 0,
        image: container.image,
        imageID: `registry.example.com/${name}@sha256:${'0123456789abcdef'.repeat(4)}`,
        containerID: `containerd://${containerId(node, pod, age)}`,
        started: true,
      },
    ],
    qosClass: 'Burstable',
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${hash}-${String(pod).padStart(5, 'x')}`,
      namespace: namespaceOf(workload),
      uid: uidOf(2 + age, node * PODS_PER_NODE + pod),
      resourceVersion: String(2_000_000 + age),
      labels,
      ownerReferences: [{ kind: 'ReplicaSet', name: `${name}-${hash}`, controller: true }],
      managedFields: [
        writer('kube-controller-manager', 'v1', { 'f:metadata': { 'f:labels': labels }, 'f:spec': fieldsOf(spec) }),
        writer('kubelet', 'v1', { 'f:status': fieldsOf(status) }),
      ],
    },
    ...{ spec, status },
  } as KubernetesObject;
}

export function containerId(node: number, pod: number, age: number): string {
  return `${age}${String(node * PODS_PER_NODE + pod).padStart(63, '0')}`;
}

/** A node with fifty images, as its kubelet reports it every five minutes. */
export function nodeObject(node: number): KubernetesObject {
  const name = nodeName(node);
  const labels = {
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'node.kubernetes.io/instance-type': 'm8.xlarge',
    'topology.kubernetes.io/region': 'region-1',
    'topology.kubernetes.io/zone': `region-1${'abc'[node % 3]}`,
  };
  const images = Array.from({ length: 50 }, (_, index) => ({
    names: [
      `registry.example.com/team-${index}/service-${index}@sha256:${'0123456789abcdef'.repeat(4)}`,
      `registry.example.com/team-${index}/service-${index}:1.2.3`,
    ],
    sizeBytes: 123_456_789,
  }));
  const metadata: ObjectMetadata = { name, uid: uidOf(9, node), resourceVersion: '3000000', labels };
  return { apiVersion: 'v1', kind: 'Node', metadata, ...{ spec: {}, status: { images } } } as KubernetesObject;
}

export function namespaceObject(number: number): KubernetesObject {
  const name = namespaceOf(10 * number);
  const labels = { 'kubernetes.io/metadata.name': name, 'pod-security.kubernetes.io/enforce': 'restricted' };
  const managedFields = [writer('kubectl-create', 'v1', { 'f:metadata': { 'f:labels': fieldsOf(labels) } })];
  return {
    metadata: { name, uid: uidOf(8, number), resourceVersion: '4000000', labels, managedFields },
    ...{ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
  } as KubernetesObject;
}

/** The report of a node's daemon once all of its pods run. */
export function reportOf(cluster: Cluster, node: number): NodeReport {
  const policies: Record<string, [number, number, number]> = {};
  for (let index = 0; index < POLICIES_PER_WORKLOAD; index++) policies[keyOf(index)] = [PODS_PER_NODE, 0, 0];
  for (let pod = 0; pod < PODS_PER_NODE; pod++) {
    const first = workloadOf(cluster, node, pod) * POLICIES_PER_WORKLOAD;
    if (isForAll(first)) continue;
    for (let index = first; index < first + POLICIES_PER_WORKLOAD; index++) policies[keyOf(index)] = [1, 0, 0];
  }
  return { node: nodeName(node), enforcing: true, reason: '', policies };
}

export function reportObject(cluster: Cluster, node: number): KubernetesObject {
  const owner = { kind: 'Node', name: nodeName(node), uid: uidOf(9, node) };
  const metadata = {
    name: `node-${nodeName(node)}`,
    namespace: 'hauberk',
    uid: uidOf(7, node),
    resourceVersion: '5000000',
    labels: { 'hauberk.io/node-report': '' },
    ownerReferences: [owner],
    managedFields: [writer('hauberkd', 'v1', { 'f:data': { 'f:report': {} }, 'f:metadata': { 'f:labels': {} } })],
  };
  return { metadata, ...{ data: { report: JSON.stringify(reportOf(cluster, node)) } } };
}

function keyOf(policy: number): string {
  const name = policyName(policy);
  const origin = 'kubernetes';
  if (isForAll(policy)) return policyKey({ name, namespace: '', scope: 'cluster', origin });
  return policyKey({ name, namespace: policyNamespace(policy), origin });
}

function writer(manager: string, apiVersion: string, fieldsV1: object) {
  return { manager, operation: 'Update', apiVersion, time: TIME, fieldsType: 'FieldsV1', fieldsV1 };
}

/** The fields in the format of `managedFields`; a list is one field. */
function fieldsOf(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      `f:${name}`,
      typeof field === 'object' && field !== null && !Array.isArray(field) ? { '.': {}, ...fieldsOf(field) } : {},
    ]),
  );
}

function probe(path: string) {
  const timing = {
    initialDelaySeconds: 5,
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  };
  return { httpGet: { path, port: 'http', scheme: 'HTTP' }, ...timing };
}
