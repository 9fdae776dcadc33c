import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionsOf } from '../../../src/kubernetes/conditions.js';
import type { NodeReport } from '../../../src/kubernetes/node-report.js';
import { totalsOf } from '../../../src/kubernetes/report-totals.js';

const REPORTS: readonly NodeReport[] = [
  { node: 'a', enforcing: true, reason: '', policies: { 'x/one': [2, 1, 0], 'x/two': [1, 0] } },
  { node: 'b', enforcing: false, reason: 'no hook', policies: { 'x/one': [3, 0, 2] } },
  { node: 'c', enforcing: false, reason: 'no map', policies: { 'x/one': [1, 0, 0] } },
];
const reportsWithout = (...silent: readonly string[]) =>
  REPORTS.map((report) => ({ report, isSilent: silent.includes(report.node) }));

test('reports of nodes on a policy are added up, and the first node that does not enforce it is named', async () => {
  assert.deepEqual(Object.fromEntries(await totalsOf(reportsWithout())), {
    'x/one': {
      containers: 6,
      leftOut: 1,
      overridden: 2,
      nodes: 3,
      silent: 0,
      troubled: { node: 'b', reason: 'no hook' },
    },
    'x/two': { containers: 1, leftOut: 0, overridden: 0, nodes: 1, silent: 0 },
  });
});

test('the last reports of silent nodes do not count, and these nodes are named', async () => {
  const totals = await totalsOf(reportsWithout('b', 'c'));
  const one = totals.get('x/one')!;
  assert.deepEqual(one, { containers: 2, leftOut: 1, overridden: 0, nodes: 1, silent: 2, firstSilent: 'b' });
  assert.equal(totals.get('x/two')!.silent, 0);
  const [, enforced] = conditionsOf({ ...one, leftOut: 0, warnings: [], isHeld: true });
  assert.deepEqual([enforced!.status, enforced!.reason], ['Unknown', 'NodeSilent']);
  assert.match(
    enforced!.message,
    /^nothing was heard of node b and 1 more for 15 minutes; in 2 containers on 1 node$/u,
  );
});
