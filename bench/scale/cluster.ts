/** The numbers of an assumed cluster. */
export interface Cluster {
  readonly nodes: number;
  readonly policies: number;
  readonly pods: number;
}

export const PODS_PER_NODE = 20;
/** Per Deployment. Each has this many policies of its own, and the cluster as many for all pods. */
export const PODS_PER_WORKLOAD = 50;
export const POLICIES_PER_WORKLOAD = 5;
export const WORKLOADS_PER_NAMESPACE = 10;

/** Policies and pods grow with the nodes, as where more teams share a cluster. */
export const CLUSTERS: readonly Cluster[] = [50, 500, 5000].map((nodes) => ({
  nodes,
  policies: 2 * nodes,
  pods: PODS_PER_NODE * nodes,
}));

export const workloadsOf = ({ pods }: Cluster): number => pods / PODS_PER_WORKLOAD;
export const namespacesOf = (cluster: Cluster): number => Math.ceil(workloadsOf(cluster) / WORKLOADS_PER_NAMESPACE);

/** Spreads pods: those of a node are of different workloads. */
export function workloadOf(cluster: Cluster, node: number, pod: number): number {
  return (node * PODS_PER_NODE + pod) % workloadsOf(cluster);
}

export const namespaceOf = (workload: number): string =>
  `team-${String(Math.floor(workload / WORKLOADS_PER_NAMESPACE)).padStart(4, '0')}`;
export const nameOf = (workload: number): string => `service-${String(workload).padStart(5, '0')}`;
export const nodeName = (node: number): string => `node-${String(node).padStart(5, '0')}`;

/** The policies in the place of the first workload's are those for all pods of the cluster. */
export const isForAll = (policy: number): boolean => policy < POLICIES_PER_WORKLOAD;
export const policyName = (policy: number): string =>
  isForAll(policy)
    ? `baseline-${policy}`
    : `${nameOf(Math.floor(policy / POLICIES_PER_WORKLOAD))}-${policy % POLICIES_PER_WORKLOAD}`;
export const policyNamespace = (policy: number): string => namespaceOf(Math.floor(policy / POLICIES_PER_WORKLOAD));
