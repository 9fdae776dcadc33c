import type { HostStatus } from '../control/host-state.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { inTimeSlices } from '../time-slices.js';
import { type ApiClient, ApiError, type KubernetesObject } from './api-client.js';
import type { Verdict } from './cluster-policies.js';
import type { FollowedKind } from './followed-list.js';
import { keyOfNamed } from './policy-objects.js';

/** The report of one node about the cluster's policies. */
export interface NodeReport {
  readonly node: string;
  readonly enforcing: boolean;
  /** Why not, when not. */
  readonly reason: string;
  /**
   * By policy key, of those that reach any: how many containers, in how many of these it is left out, and how many are
   * of pods that override it.
   */
  readonly policies: Readonly<Record<string, readonly [containers: number, leftOut: number, overridden?: number]>>;
}

/** A ConfigMap that a node's report is in. */
export interface ReportObject extends KubernetesObject {
  /** `renewed`: when the node last confirmed it, by its clock. */
  readonly data?: { readonly report?: string; readonly renewed?: string };
}

const LABEL = 'hauberk.io/node-report';

/** Where the reports of all nodes are. */
export function reportsIn(namespace: string): FollowedKind {
  return { path: `/api/v1/namespaces/${namespace}/configmaps`, labelSelector: LABEL };
}

export async function reportOfNode(
  node: string,
  verdicts: readonly Verdict[],
  policies: Pick<PolicyRegistry, 'get' | 'containerIdsReachedBy'>,
  { enforcing, reason, leftOut }: Pick<HostStatus, 'enforcing' | 'reason' | 'leftOut'>,
  isOverridden: (containerId: string) => boolean,
): Promise<NodeReport> {
  const counts: Record<string, [number, number, number]> = {};
  for await (const { read } of inTimeSlices(verdicts)) {
    const policy = policies.get(read.named);
    const ids = policy === undefined ? [] : await policies.containerIdsReachedBy(policy);
    const key = keyOfNamed(read);
    if (ids.length === 0) continue;
    const left = ids.filter((id) => leftOut.get(id)?.includes(key));
    counts[key] = [ids.length, left.length, ids.filter(isOverridden).length];
  }
  return { node, enforcing, reason, policies: counts };
}

/** Undefined for an invalid report. */
export function readReport({ data }: ReportObject): NodeReport | undefined {
  try {
    const report = JSON.parse(data?.report ?? '') as NodeReport;
    const { node, policies } = report;
    const isOne = typeof node === 'string' && typeof policies === 'object' && policies !== null;
    return isOne && Object.values(policies).every(Array.isArray) ? report : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes the report of a node to a small object of its own, which is deleted with the node.
 *
 * @throws ApiError, or the system's error
 */
export async function writeReport(
  client: Pick<ApiClient, 'get' | 'patch' | 'create'>,
  namespace: string,
  report: NodeReport,
): Promise<void> {
  const { path } = reportsIn(namespace);
  const name = `node-${report.node}`;
  const data = { report: JSON.stringify(report), ...renewal() };
  try {
    await client.patch(`${path}/${name}`, { data });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const ownerReferences = await ownersOf(client, report.node);
    await client.create(path, { metadata: { name, labels: { [LABEL]: '' }, ownerReferences }, data });
  }
}

/**
 * Confirms that the last report of a node is still correct.
 *
 * @throws like writeReport; ApiError 404 where there is none any more
 */
export async function renewReport(client: Pick<ApiClient, 'patch'>, namespace: string, node: string): Promise<void> {
  await client.patch(`${reportsIn(namespace).path}/node-${node}`, { data: renewal() });
}

function renewal() {
  return { renewed: new Date().toISOString() };
}

async function ownersOf(client: Pick<ApiClient, 'get'>, node: string): Promise<object[]> {
  try {
    const { metadata } = (await client.get(`/api/v1/nodes/${node}`)) as KubernetesObject;
    return [{ apiVersion: 'v1', kind: 'Node', name: node, uid: metadata.uid }];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}
