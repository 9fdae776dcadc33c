import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { hostAsSubject } from '../../../src/control/host.js';
import { Failure } from '../../../src/failure.js';
import type { KubernetesObject } from '../../../src/kubernetes/api-client.js';
import type { FollowedList } from '../../../src/kubernetes/followed-list.js';
import { NodeLabels } from '../../../src/kubernetes/node-labels.js';
import { policyKey } from '../../../src/policy/model.js';
import { readRecords, recordsOf } from '../../../src/store/stored-form.js';
import { InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';

const POLICY = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: gateways}
spec:
  nodeSelector: {matchLabels: {role: gateway}}
  mode: audit
  file: {matchPaths: [{path: /nowhere/at/all}]}
`;

/** A node with labels that a test sets. */
function start(setHostLabels: (labels: Readonly<Record<string, string>>) => Promise<unknown>) {
  const list = { objects: [] as KubernetesObject[], isListed: false };
  let tell = () => {};
  let changes = 0;
  const follow = (_: unknown, onChange: () => void) => {
    tell = onChange;
    return list as unknown as FollowedList;
  };
  const policies = { setHostLabels: setHostLabels as never };
  const node = new NodeLabels('node-1', follow, policies, () => changes++);
  const become = (labels?: Record<string, string>) => {
    list.isListed = true;
    list.objects = labels === undefined ? [] : [{ metadata: { name: 'node-1', labels } }];
    tell();
  };
  return { node, become, changes: () => changes };
}

test('policies select the host by the current labels of its node, which are stored', async () => {
  const host = hostAsSubject({ pidNamespace: 10, mountNamespace: 11 }, {}, {});
  const plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), host);
  const { policies, kernel, containers, commits } = plane;
  await policies.apply(policies.readManifest(POLICY));
  const own = containers.get('host')!.labels;
  const { node, become, changes } = start((labels) => policies.setHostLabels(labels));
  plane.storeFailure = new Failure('unavailable', 'no space left on device');
  become({ role: 'gateway' });
  await assert.rejects(node.bring(), /no space left on device/);
  assert.deepEqual(containers.get('host')!.labels, own);
  plane.storeFailure = undefined;
  await node.bring();
  assert.deepEqual(containers.policyKeysOf(containers.get('host')!), policies.list().map(policyKey));
  assert.equal(kernel.isHostEnforced, true);
  assert.deepEqual(commits.at(-1)?.hostLabels, { role: 'gateway' });
  become({ role: 'gateway' });
  assert.equal(changes(), 1);
  become({});
  await node.bring();
  assert.deepEqual([containers.get('host')!.labels, kernel.isHostEnforced], [own, false]);
});

test('labels are read back from the store', async () => {
  const records = await recordsOf({ hostLabels: { role: 'gateway' } });
  assert.deepEqual(readRecords(records as ReadonlyMap<string, string>).state.hostLabels, { role: 'gateway' });
  assert.equal('hostLabels' in readRecords(new Map()).state, false);
});

test('labels by which policies would harm the host are refused and reported, and so is an unknown node', async () => {
  let failure: Failure | undefined = new Failure('failed-precondition', 'the host would be harmed');
  const { node, become } = start(async () => {
    if (failure !== undefined) throw failure;
  });
  await node.bring();
  assert.deepEqual(node.warnings(), []);
  become({ role: 'gateway' });
  await node.bring();
  assert.deepEqual(node.warnings(), ['the host does not follow the labels of its node: the host would be harmed']);
  failure = undefined;
  await node.bring();
  assert.deepEqual(node.warnings(), []);
  become();
  assert.match(node.warnings()[0]!, /^the cluster has no node node-1, nor pods of it/);
});
