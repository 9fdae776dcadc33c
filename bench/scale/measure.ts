import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { processorMilliseconds } from '../support/processor-time.js';
import type { Cluster } from './cluster.js';
import { POLICIES_PER_WORKLOAD } from './cluster.js';
import { POLICIES, REPORTS, SimulatedNode, statusOf } from './node.js';
import { podObject, policyObject, reportObject, reportOf } from './objects.js';
import type { Traffic } from './stand-in.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const WAIT_MILLISECONDS = 600_000;
/** Without requests for this long, the daemon is idle. */
const REST_MILLISECONDS = 1500;
const CHANGED = POLICIES_PER_WORKLOAD;

/** The cost of one change. */
export interface Cost {
  /** Processor time of the process, without that of the simulated API server. */
  readonly processorMilliseconds: number;
  readonly traffic: ReadonlyMap<string, Traffic>;
}

export interface NodeFigures {
  readonly heapBytes: number;
  readonly start: Cost;
  /** The specification of a policy that reaches the node changes. */
  readonly policyChanged: Cost;
  /** The status of a policy changes. */
  readonly statusChanged: Cost;
  /** A pod ends, and another starts. */
  readonly podReplaced: Cost;
  readonly policyEventBytes: number;
  readonly podEventBytes: number;
  readonly reportBytes: number;
}

export interface LeaderFigures {
  /** Heap of the leader beyond that of every node. */
  readonly heapBytes: number;
  /** From its election until it has nothing left to write. */
  readonly elected: Cost;
  /** A report changes. */
  readonly reportChanged: Cost;
}

export async function measureNode(cluster: Cluster): Promise<NodeFigures> {
  const before = await heap();
  const node = new SimulatedNode(cluster, false);
  const start = await cost(node, async () => {
    await node.start();
    await until(() => node.kubernetes.verdicts.length === cluster.policies);
  });
  const heapBytes = (await heap()) - before;
  const { standIn, kubernetes } = node;
  const eventReported = (
    isTold: (object: { status?: { containers?: number }; metadata: { generation?: number } }) => boolean,
  ) => until(() => kubernetes.verdicts.some(({ read }) => isTold(read.object as never)));
  const changed = policyObject(CHANGED, { ...statusOf(cluster, CHANGED), generation: 2 });
  let policyEventBytes = 0;
  const policyChanged = await cost(node, async () => {
    policyEventBytes = standIn.send(POLICIES, 'MODIFIED', changed);
    await eventReported(({ metadata }) => metadata.generation === 2);
  });
  const statusChanged = await cost(node, async () => {
    standIn.send(POLICIES, 'MODIFIED', policyObject(CHANGED, { generation: 2, containers: 77, nodes: 77 }));
    await eventReported(({ status }) => status?.containers === 77);
  });
  let podEventBytes = 0;
  const podReplaced = await cost(node, async () => {
    standIn.send('/api/v1/pods', 'DELETED', podObject(cluster, 0, 1));
    await node.endPod(1);
    await sleep(REST_MILLISECONDS);
    podEventBytes = standIn.send('/api/v1/pods', 'ADDED', podObject(cluster, 0, 1, 1));
    await node.startPod(1, 1);
  });
  await node.stop();
  const reportBytes = Buffer.byteLength(JSON.stringify(reportObject(cluster, 0)));
  return { heapBytes, start, policyChanged, statusChanged, podReplaced, policyEventBytes, podEventBytes, reportBytes };
}

/** @param ofNode heap of every node */
export async function measureLeader(cluster: Cluster, ofNode: number): Promise<LeaderFigures> {
  const before = await heap();
  const node = new SimulatedNode(cluster, true);
  await node.start();
  const elected = await cost(node, () => until(() => node.kubernetes.verdicts.length === cluster.policies));
  const heapBytes = (await heap()) - before - ofNode;
  const reportChanged = await cost(node, async () => {
    const report = reportOf(cluster, 1);
    const [gone] = Object.keys(report.policies).slice(-1);
    const { [gone!]: _, ...policies } = report.policies;
    const object = { ...reportObject(cluster, 1), data: { report: JSON.stringify({ ...report, policies }) } };
    node.standIn.send(REPORTS, 'MODIFIED', object);
  });
  await node.stop();
  return { heapBytes, elected, reportChanged };
}

/** The cost of an action until the daemon is idle. */
async function cost(node: SimulatedNode, act: () => Promise<unknown>): Promise<Cost> {
  const { standIn } = node;
  standIn.take();
  standIn.making = 0;
  const began = processorMilliseconds();
  await act();
  let requested = -1;
  const count = () => [...standIn.traffic.values()].reduce((sum, { requests }) => sum + requests, 0);
  while (requested !== count()) {
    requested = count();
    await sleep(REST_MILLISECONDS);
  }
  return { processorMilliseconds: processorMilliseconds() - began - standIn.making, traffic: standIn.take() };
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + WAIT_MILLISECONDS;
  while (!isSo()) {
    if (performance.now() > end) throw new Error('the daemon did not become idle');
    await sleep(10);
  }
}

async function heap(): Promise<number> {
  for (let pass = 0; pass < 3; pass++) {
    await sleep(50);
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}
