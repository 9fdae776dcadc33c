import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { hostAsSubject, hostIdentity } from '../../../src/control/host.js';
import { InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';

const HOST = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, { zone: 'a' }, {});
const manifest = (label: string, path: string) => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: of-${label}}
spec: {nodeSelector: {matchLabels: {role: ${label}}}, process: {matchPaths: [{path: ${path}}]}, action: Block}
`;

async function planeWith(label: string, path = '/opt/games/chess', force = false) {
  const plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), HOST);
  await plane.policies.apply(plane.policies.readManifest(manifest(label, path)), { force });
  return plane;
}

test('a host is under the policies for labels that it is given, until it loses them', async () => {
  const plane = await planeWith('worker');
  const isInForce = () => plane.kernel.published.has('3:4');
  assert.equal(isInForce(), false);
  await plane.policies.setHostLabels({ role: 'worker', zone: 'b' });
  assert.equal(isInForce(), true);
  assert.deepEqual(plane.commits.at(-1)?.hostLabels, { role: 'worker', zone: 'b' });
  assert.equal(plane.hostSubject.current?.labels.zone, 'b');
  const written = plane.commits.length;
  await plane.policies.setHostLabels({ zone: 'b', role: 'worker' });
  assert.equal(plane.commits.length, written, 'setting the same labels again changes nothing');
  await plane.policies.setHostLabels({});
  assert.deepEqual([isInForce(), plane.hostSubject.current?.labels.zone], [false, 'a']);
});

test('labels by which the host would be harmed are refused, and accepted once they are harmless', async () => {
  const plane = await planeWith('worker', readlinkSync('/proc/self/exe'), true);
  for (let time = 0; time < 2; time++)
    await assert.rejects(plane.policies.setHostLabels({ role: 'worker' }), { code: 'failed-precondition' });
  assert.equal(plane.hostSubject.current?.labels.role, undefined);
  await plane.policies.setHostLabels({ role: 'other' });
  assert.equal(plane.kernel.isHostEnforced, false);
});

test('labels that cannot be stored are not set, and can be set by the next attempt', async () => {
  const plane = await planeWith('worker');
  plane.storeFailure = new Error('no space');
  await assert.rejects(plane.policies.setHostLabels({ role: 'worker' }), plane.storeFailure);
  assert.equal(plane.hostSubject.current?.labels.role, undefined);
  plane.storeFailure = undefined;
  await plane.policies.setHostLabels({ role: 'worker' });
  assert.equal(plane.kernel.published.has('3:4'), true);
});

test('labels that do not change the policies are accepted without checking what the host needs', async () => {
  const plane = await planeWith('worker');
  Object.assign(plane.policies, { findHostNeeds: () => assert.fail('looked at') });
  await plane.policies.setHostLabels({ zone: 'c' });
  assert.equal(plane.hostSubject.current?.labels.zone, 'c');
});

test('where policies for the host are off its labels change nothing', async () => {
  const plane = new InMemoryControlPlane();
  await plane.policies.setHostLabels({ role: 'worker' });
  assert.deepEqual([plane.commits, plane.hostSubject.current], [[], undefined]);
});

test("the host's name and machine are found also from inside a container", () => {
  const here = hostIdentity('');
  assert.ok(here.hostName.length > 0);
  const nowhere = hostIdentity('/none/there');
  assert.deepEqual(nowhere, { hostName: here.hostName, machineId: '' });
});
