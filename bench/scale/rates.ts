import { POLICY_KINDS } from '../../src/kubernetes/policy-kinds.js';
import { RENEWAL_MILLISECONDS } from '../../src/kubernetes/reports-of-nodes.js';
import type { Cluster } from './cluster.js';
import type { Cost, LeaderFigures, NodeFigures } from './measure.js';

/** Seconds; the means of what src/kubernetes draws at random, and of what the API server and kubelets do by themselves. */
const WATCH = 360;
const BOOKMARK = 60;
const LOOK = 30;
const ABSENT = 34;
const NODE_STATUS = 300;
const RENEWAL = RENEWAL_MILLISECONDS / 1000;
const RETRY = 22.5;
const COUNTS_PER_NODE = 0.012;

/** Namespaces, settings, the node, its pods, and the kinds of hauberk.io; of KubeArmor's there are none. */
const ABSENT_KINDS = POLICY_KINDS.filter(({ origin }) => origin === 'kubernetes-kubearmor').length;
const WATCHES = 4 + POLICY_KINDS.length - ABSENT_KINDS;
const BOOKMARK_BYTES = 200;
const NODE_BYTES = 12_000;
/** A pod that ends and its successor: what the scheduler, kubelet and controllers write of them. */
const EVENTS_PER_REPLACEMENT = 9;
/** All pods within a quarter of an hour and a bit. */
const REPLACE_SECONDS = 1000;
/** Of Deployments that are rolled out at the same time, one for each so many nodes; each policy of them and those for all. */
const NODES_PER_ROLLOUT = 500;
const POLICIES_PER_ROLLOUT = 5;
/** Ten gigabits. */
const LINK_BYTES_PER_SECOND = 1.25e9;

export interface Row {
  readonly what: string;
  readonly value: string;
}

const kindOf = ({ traffic }: Cost, kind: string) => traffic.get(kind) ?? { requests: 0, bytes: 0 };

/** What a cluster of such a size asks of its API server, and what it takes of nodes. */
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
    row('**a node**: heap that the cluster takes', bytes(node.heapBytes)),
    row('processor time from its start to all policies in force', milliseconds(node.start)),
    row('of one policy changed', milliseconds(node.policyChanged)),
    row('of one status told', milliseconds(node.statusTold)),
    row('its report', bytes(node.reportBytes)),
    row('**the elected**: heap beside that', bytes(Math.max(0, leader.heapBytes))),
    row('processor time from its start until all status is right', milliseconds(leader.elected)),
    row('of one report changed', milliseconds(leader.reportChanged)),
    row('**API server**, all nodes start at once: lists', many(lists.requests * nodes)),
    row('bytes of these', bytes(startBytes)),
    row('seconds on 10 Gbit/s, at least', rounded(startBytes / LINK_BYTES_PER_SECOND)),
    row('reports written', many(nodes)),
    row('**at rest**: watches open', many(WATCHES * nodes)),
    row('requests a second to renew these', rounded((WATCHES * nodes) / WATCH)),
    row('looks at the Lease a second', rounded(nodes / LOOK)),
    row(
      'reports renewed a second, bytes of these',
      `${rounded(nodes / RENEWAL)}, ${bytes((nodes * node.reportBytes) / RENEWAL)}`,
    ),
    row("requests a second for KubeArmor's kinds where they are absent", rounded((ABSENT_KINDS * nodes) / ABSENT)),
    row('bookmarks a second', rounded((WATCHES * nodes) / BOOKMARK)),
    row(
      'bytes a second, with the status of nodes',
      bytes((WATCHES * nodes * BOOKMARK_BYTES) / BOOKMARK + (nodes * NODE_BYTES) / NODE_STATUS),
    ),
    row('**one policy changed**: events, its status included', many(2 * nodes)),
    row('bytes of these', bytes(2 * nodes * node.policyEventBytes)),
    row('**all pods replaced** in 1,000 s: events of pods a second', rounded(replaced * EVENTS_PER_REPLACEMENT)),
    row('reports written a second, at most', rounded(2 * replaced)),
    row('status written a second', rounded(statusWrites)),
    row('events of that a second', rounded(statusWrites * nodes)),
    row(
      'bytes a second',
      bytes(
        replaced * EVENTS_PER_REPLACEMENT * node.podEventBytes +
          4 * replaced * node.reportBytes +
          statusWrites * nodes * node.policyEventBytes,
      ),
    ),
    row('**the server away**: attempts a second', rounded((WATCHES * nodes) / RETRY)),
    row('when it is back: lists within half a minute, bytes', `${many(lists.requests * nodes)}, ${bytes(startBytes)}`),
  ];
}

/** A column for each size, whose rows are the same. */
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
