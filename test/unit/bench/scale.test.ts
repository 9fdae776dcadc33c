import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTERS } from '../../../bench/scale/cluster.js';
import { podObject, policyObject, reportOf } from '../../../bench/scale/objects.js';
import { bytes, tableOf } from '../../../bench/scale/rates.js';
import { factsOf } from '../../../src/kubernetes/pod-facts.js';
import { readPolicy } from '../../../src/policy/validate.js';

test('the simulated policies are valid, and pods have every field that hauberkd reads', () => {
  for (const number of [0, 5, 9999]) {
    const policy = readPolicy(policyObject(number), { now: 0 });
    assert.equal(policy.rules.length, 8);
  }
  const facts = factsOf(podObject(CLUSTERS[2]!, 7, 3));
  assert.equal(facts.pod.owner?.kind, 'Deployment');
  assert.equal(Object.keys(facts.images).length, 1);
});

test('the pods of a simulated cluster are spread over all nodes, and equally over Deployments', () => {
  const [cluster] = CLUSTERS;
  const counts = new Map<string, number>();
  for (let node = 0; node < cluster!.nodes; node++) {
    for (const [key, [containers]] of Object.entries(reportOf(cluster!, node).policies)) {
      counts.set(key, (counts.get(key) ?? 0) + containers);
    }
  }
  assert.equal(counts.size, cluster!.policies);
  assert.deepEqual([...new Set(counts.values())].sort(), [1000, 50]);
});

test('the table has a column for each size', () => {
  const rows = [{ what: 'x', value: '1' }];
  assert.equal(
    tableOf([
      { nodes: 50, rows },
      { nodes: 5000, rows },
    ]),
    '| | 50 nodes | 5,000 nodes |\n|---|---:|---:|\n| x | 1 | 1 |\n',
  );
  assert.deepEqual([bytes(0), bytes(1234), bytes(165e9)], ['0 B', '1.2 kB', '170 GB']);
});
