/** A cluster of an assumed form, as far as numbers go. */
export interface Cluster {
  readonly nodes: number;
  readonly policies: number;
  readonly pods: number;
}

export const PODS_PER_NODE = 20;
/** Of each Deployment; each has as many policies of its own as there are others for all of the cluster. */
export const PODS_PER_WORKLOAD = 50;
export const POLICIES_PER_WORKLOAD = 5;
export const WORKLOADS_PER_NAMESPACE = 10;

/** Policies and pods grow with the nodes, as they do where more teams share a cluster. */
export const CLUSTERS: readonly Cluster[] = [50, 500, 5000].map((nodes) => ({
  nodes,
  policies: 2 * nodes,
  pods: PODS_PER_NODE * nodes,
}));

export const workloadsOf = ({ pods }: Cluster): number => pods / PODS_PER_WORKLOAD;
export const namespacesOf = (cluster: Cluster): number => Math.ceil(workloadsOf(cluster) / WORKLOADS_PER_NAMESPACE);

/** Pods are spread: neighbours on a node are of different workloads. */
export function workloadOf(cluster: Cluster, node: number, pod: number): number {
  return (node * PODS_PER_NODE + pod) % workloadsOf(cluster);
}

export const namespaceOf = (workload: number): string =>
  `team-${String(Math.floor(workload / WORKLOADS_PER_NAMESPACE)).padStart(4, '0')}`;
export const nameOf = (workload: number): string => `service-${String(workload).padStart(5, '0')}`;
export const nodeName = (node: number): string => `node-${String(node).padStart(5, '0')}`;

/** The first workload's policies are the ones for all pods of the cluster. */
export const isForAll = (policy: number): boolean => policy < POLICIES_PER_WORKLOAD;
export const policyName = (policy: number): string =>
  isForAll(policy)
    ? `baseline-${policy}`
    : `${nameOf(Math.floor(policy / POLICIES_PER_WORKLOAD))}-${policy % POLICIES_PER_WORKLOAD}`;
export const policyNamespace = (policy: number): string => namespaceOf(Math.floor(policy / POLICIES_PER_WORKLOAD));
