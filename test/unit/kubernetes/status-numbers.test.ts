import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StandIn } from '../../../bench/scale/stand-in.js';
import type { NodeReport } from '../../../src/kubernetes/node-report.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { StatusWriter } from '../../../src/kubernetes/status-writer.js';
import { eventually } from '../../support/eventually.js';
import { RecordingLogger } from '../../support/recording-sink.js';

const REPORTS = '/api/v1/namespaces/hauberk/configmaps?hauberk.io/node-report';
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/hauberk/leases/policy-status';
/** With this many nodes a change of numbers waits for half a minute. */
const NODES = 2500;

const reportObject = (number: number, change: Partial<NodeReport> = {}) => {
  const policies = { 'kubernetes:shop/one': [1, 0, 0] as const };
  const report: NodeReport = { node: `node-${number}`, enforcing: true, reason: '', policies, ...change };
  return { metadata: { name: report.node, uid: report.node }, data: { report: JSON.stringify(report) } };
};

test('in a large cluster changed numbers in a status wait, and another reason does not', async (context) => {
  const reports = { length: NODES, at: (index: number) => reportObject(index) };
  const lease = { metadata: { name: 'policy-status', resourceVersion: '1' }, spec: { holderIdentity: '' } };
  const standIn = new StandIn(new Map([[REPORTS, reports]]), new Map([[LEASE, () => lease]]));
  const object: { metadata: { name: string; namespace: string; uid: string; generation: number }; status?: object } = {
    metadata: { name: 'one', namespace: 'shop', uid: 'one', generation: 1 },
  };
  const written: string[] = [];
  const patch = async (path: string, { status }: { status?: { conditions: { message: string }[] } }) => {
    if (!path.endsWith('/status') || status === undefined) return;
    object.status = status;
    written.push(status.conditions[1]!.message);
  };
  const named = { name: 'one', namespace: 'shop', origin: 'kubernetes' } as const;
  let rounds = 0;
  const writer = new StatusWriter({
    client: Object.assign(standIn.client, { patch }),
    namespace: 'hauberk',
    node: 'elected',
    policies: { get: () => ({ ...named, matchLabels: {}, rules: [] }), containerIdsReachedBy: async () => [] },
    verdicts: () => [{ read: { kind: POLICY_KINDS[0]!, object, named }, refusal: undefined, warnings: [] }],
    host: () => {
      rounds++;
      return { enforcing: true, reason: '', leftOut: new Map() };
    },
    isOverridden: () => false,
    logger: new RecordingLogger(),
  });
  writer.start();
  context.after(() => writer.stop());
  await eventually(() => written.length === 1);
  assert.equal(written[0], 'in 2500 containers on 2500 nodes');
  const before = rounds;
  standIn.send(REPORTS, 'MODIFIED', reportObject(7, { policies: { 'kubernetes:shop/one': [4, 0, 0] } }));
  await eventually(() => rounds > before);
  assert.equal(written.length, 1);
  standIn.send(REPORTS, 'MODIFIED', reportObject(8, { enforcing: false, reason: 'no hook' }));
  await eventually(() => written.length === 2);
  assert.equal(written[1], 'node node-8 does not enforce: no hook');
});
