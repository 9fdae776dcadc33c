import type { Container } from '../../src/containers/container.js';
import { NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { hostAsSubject } from '../../src/control/host.js';
import { Kubernetes } from '../../src/kubernetes/kubernetes.js';
import { reportsIn } from '../../src/kubernetes/node-report.js';
import { factsOf, type Pod } from '../../src/kubernetes/pod-facts.js';
import { Pods } from '../../src/kubernetes/pods.js';
import { POLICY_KINDS, pathOfKind } from '../../src/kubernetes/policy-kinds.js';
import { StatusWriter } from '../../src/kubernetes/status-writer.js';
import { describeCriContainer } from '../../src/sources/cri-containers.js';
import { InMemoryControlPlane, MemoryKernel } from '../../test/support/in-memory-control-plane.js';
import {
  type Cluster,
  isForAll,
  namespacesOf,
  nodeName,
  PODS_PER_NODE,
  PODS_PER_WORKLOAD,
  POLICIES_PER_WORKLOAD,
} from './cluster.js';
import { containerId, namespaceObject, nodeObject, podObject, policyObject, reportObject } from './objects.js';
import { type Collection, keyOf, StandIn } from './stand-in.js';

export const [POLICIES, CLUSTER_POLICIES] = POLICY_KINDS.map(pathOfKind) as [string, string];
export const REPORTS = keyOf(reportsIn('hauberk').path, reportsIn('hauberk'));
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/hauberk/leases/policy-status';
const QUIET = { info: () => undefined, warn: () => undefined, debug: () => undefined, error: () => undefined };
const NODE = 0;

/** The part of one node's daemon that follows the cluster, over an in-memory kernel. */
export class SimulatedNode {
  readonly plane = new InMemoryControlPlane(
    NOTHING_DESIRED,
    new MemoryKernel(),
    hostAsSubject({ pidNamespace: 10, mountNamespace: 11 }, {}, {}),
  );
  readonly standIn: StandIn;
  readonly kubernetes: Kubernetes;
  readonly writer: StatusWriter;
  readonly #stopListening: () => void;

  /** @param leads whether it is the elected leader */
  constructor(
    readonly cluster: Cluster,
    leads: boolean,
  ) {
    this.standIn = new StandIn(collectionsOf(cluster), objectsOf(leads));
    const { client } = this.standIn;
    const { plane } = this;
    const pods = new Pods((id) => plane.containers.get(id));
    const node = nodeName(NODE);
    this.kubernetes = new Kubernetes({
      client,
      node,
      policies: plane.policies,
      pods,
      logger: QUIET,
      onPods: () => undefined,
      onStatus: () => plane.host.announce(),
      onVerdicts: () => this.writer.changed(),
    });
    this.writer = new StatusWriter({
      client,
      namespace: 'hauberk',
      node,
      policies: plane.policies,
      verdicts: () => this.kubernetes.verdicts,
      host: () => plane.host.status(),
      isOverridden: () => false,
      logger: QUIET,
    });
    this.#stopListening = plane.host.onStatusChange(() => this.writer.changed());
  }

  async start(): Promise<void> {
    for (let pod = 0; pod < PODS_PER_NODE; pod++) await this.startPod(pod);
    this.kubernetes.start();
    this.writer.start();
  }

  async startPod(pod: number, age = 0): Promise<void> {
    const object = podObject(this.cluster, NODE, pod, age) as Pod;
    const container: Container = {
      ...describeCriContainer(containerId(NODE, pod, age), 'main', factsOf(object).pod),
      namespaces: { pidNamespace: 1000 * (age + 1) + pod, mountNamespace: 100_000 * (age + 1) + pod },
      links: {},
    };
    await this.plane.containers.put(container);
  }

  async endPod(pod: number, age = 0): Promise<void> {
    await this.plane.containers.remove(containerId(NODE, pod, age));
  }

  async stop(): Promise<void> {
    this.#stopListening();
    await Promise.all([this.writer.stop(), this.kubernetes.stop()]);
  }
}

/** How many containers and nodes a policy reaches in the cluster: each container is on another node, unless it is for all. */
export function statusOf({ nodes, pods }: Cluster, policy: number) {
  return isForAll(policy) ? { containers: pods, nodes } : { containers: PODS_PER_WORKLOAD, nodes: PODS_PER_WORKLOAD };
}

/** KubeArmor's kinds are not installed. */
function collectionsOf(cluster: Cluster): ReadonlyMap<string, Collection> {
  const { policies, nodes } = cluster;
  const first = POLICIES_PER_WORKLOAD;
  const hosts = POLICY_KINDS.map(pathOfKind)[2]!;
  const policyAt = (number: number) => policyObject(number, statusOf(cluster, number));
  return new Map<string, Collection>([
    [CLUSTER_POLICIES, { length: first, at: policyAt }],
    [POLICIES, { length: policies - first, at: (index) => policyAt(index + first) }],
    [hosts, { length: 0, at: () => ({}) }],
    ['/api/v1/namespaces', { length: namespacesOf(cluster), at: namespaceObject }],
    ['/api/v1/nodes', { length: 1, at: () => nodeObject(NODE) }],
    ['/api/v1/pods', { length: PODS_PER_NODE, at: (index) => podObject(cluster, NODE, index) }],
    ['/api/v1/namespaces/hauberk/configmaps', { length: 0, at: () => ({}) }],
    [REPORTS, { length: nodes, at: (index) => reportObject(cluster, index) }],
  ]);
}

function objectsOf(leads: boolean): ReadonlyMap<string, () => object> {
  // Another holder has renewed it each time.
  let version = 1;
  const lease = () => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'policy-status', namespace: 'hauberk', resourceVersion: String(version++) },
    spec: { holderIdentity: leads ? '' : 'another', leaseDurationSeconds: 45, leaseTransitions: 3 },
  });
  return new Map<string, () => object>([
    [LEASE, lease],
    ['/apis', () => ({ groups: [] })],
  ]);
}
