import { POLICY_KINDS } from '../../src/kubernetes/policy-kinds.js';
import { RENEWAL_MILLISECONDS } from '../../src/kubernetes/reports-of-nodes.js';
import type { Cluster } from './cluster.js';
import type { Cost, LeaderFigures, NodeFigures } from './measure.js';

/** Intervals in seconds: averages of the random ones of src/kubernetes, and those of API server and kubelets. */
const WATCH = 360;
const BOOKMARK = 60;
const LOOK = 30;
const ABSENT = 34;
const NODE_STATUS = 300;
const RENEWAL = RENEWAL_MILLISECONDS / 1000;
const RETRY = 22.5;
const COUNTS_PER_NODE = 0.012;

/** Watches of namespaces, settings, the node, its pods, and the kinds of hauberk.io; KubeArmor's are not installed. */
const ABSENT_KINDS = POLICY_KINDS.filter(({ origin }) => origin === 'kubernetes-kubearmor').length;
const WATCHES = 4 + POLICY_KINDS.length - ABSENT_KINDS;
const BOOKMARK_BYTES = 200;
const NODE_BYTES = 12_000;
/** Writes by scheduler, kubelet and controllers when a pod ends and its successor starts. */
const EVENTS_PER_REPLACEMENT = 9;
/** The time in which all pods are replaced. */
const REPLACE_SECONDS = 1000;
/** For this many nodes one Deployment is rolled out at a time, which changes the status of its policies and of those for all. */
const NODES_PER_ROLLOUT = 500;
const POLICIES_PER_ROLLOUT = 5;
/** 10 Gbit/s. */
const LINK_BYTES_PER_SECOND = 1.25e9;

export interface Row {
  readonly what: string;
  readonly value: string;
}

const kindOf = ({ traffic }: Cost, kind: string) => traffic.get(kind) ?? { requests: 0, bytes: 0 };

/** The load of a cluster of this size on its API server and nodes. */
export function rowsOf(cluster: Cluster, node: NodeFigures, leader: LeaderFigures): readonly Row[] {
  const { nodes, pods, policies } = cluster;
  const lists = kindOf(node.start, 'list');
  const startBytes = lists.bytes * nodes;
  const replaced = pods / REPLACE_SECONDS;
  const rollouts = Math.max(1, nodes / NODES_PER_ROLLOUT);
  const statusWrites =
    Math.min(replaced, 1) * ((POLICIES_PER_ROLLOUT * (rollouts + 1)) / Math.max(1, COUNTS_PER_NODE * nodes));
  const row = (what: string, value: string): Row => ({ what, value });
  return [
    row('policies, pods', `${many(policies)}, ${many(pods)}`),
    row('**a node**: heap for the cluster', bytes(node.heapBytes)),
    row('processor time from its start to all policies in force', milliseconds(node.start)),
    row('processor time for one changed policy', milliseconds(node.policyChanged)),
    row('processor time for one changed status', milliseconds(node.statusChanged)),
    row('size of its report', bytes(node.reportBytes)),
    row('**the leader**: heap beyond that', bytes(Math.max(0, leader.heapBytes))),
    row('processor time from its start until all status is written', milliseconds(leader.elected)),
    row('processor time for one changed report', milliseconds(leader.reportChanged)),
    row('**all nodes start at once**: list requests', many(lists.requests * nodes)),
    row('bytes of these lists', bytes(startBytes)),
    row('seconds on a link of 10 Gbit/s, at least', rounded(startBytes / LINK_BYTES_PER_SECOND)),
    row('reports written', many(nodes)),
    row('**idle**: open watches', many(WATCHES * nodes)),
    row('requests a second to renew watches', rounded((WATCHES * nodes) / WATCH)),
    row('reads of the Lease a second', rounded(nodes / LOOK)),
    row(
      'reports renewed a second, and their bytes',
      `${rounded(nodes / RENEWAL)}, ${bytes((nodes * node.reportBytes) / RENEWAL)}`,
    ),
    row(
      "requests a second for KubeArmor's kinds while they are not installed",
      rounded((ABSENT_KINDS * nodes) / ABSENT),
    ),
    row('bookmarks a second', rounded((WATCHES * nodes) / BOOKMARK)),
    row(
      'bytes a second, including the status of nodes',
      bytes((WATCHES * nodes * BOOKMARK_BYTES) / BOOKMARK + (nodes * NODE_BYTES) / NODE_STATUS),
    ),
    row('**one policy changed**: watch events, including its status', many(2 * nodes)),
    row('bytes of these events', bytes(2 * nodes * node.policyEventBytes)),
    row('**all pods replaced** in 1,000 s: watch events of pods a second', rounded(replaced * EVENTS_PER_REPLACEMENT)),
    row('reports written a second, at most', rounded(2 * replaced)),
    row('status writes a second', rounded(statusWrites)),
    row('watch events of these writes a second', rounded(statusWrites * nodes)),
    row(
      'bytes a second',
      bytes(
        replaced * EVENTS_PER_REPLACEMENT * node.podEventBytes +
          4 * replaced * node.reportBytes +
          statusWrites * nodes * node.policyEventBytes,
      ),
    ),
    row('**API server unreachable**: attempts a second', rounded((WATCHES * nodes) / RETRY)),
    row(
      'when it is back: list requests within half a minute, and bytes',
      `${many(lists.requests * nodes)}, ${bytes(startBytes)}`,
    ),
  ];
}

/** A table with a column for each size of cluster. */
export function tableOf(columns: readonly { readonly nodes: number; readonly rows: readonly Row[] }[]): string {
  const head = `| | ${columns.map(({ nodes }) => `${many(nodes)} nodes`).join(' | ')} |\n|---|${'---:|'.repeat(columns.length)}\n`;
  const lines = columns[0]!.rows.map(
    ({ what }, index) => `| ${what} | ${columns.map(({ rows }) => rows[index]!.value).join(' | ')} |\n`,
  );
  return head + lines.join('');
}

function milliseconds({ processorMilliseconds }: Cost): string {
  return `${rounded(Math.max(0, processorMilliseconds))} ms`;
}

function many(count: number): string {
  return count.toLocaleString('en-US');
}

export function rounded(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 3 });
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1);
  return `${rounded(count / 1000 ** power)} ${units[power]}`;
}
