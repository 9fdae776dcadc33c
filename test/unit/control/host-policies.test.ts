import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { HOST_ID, hostAsSubject } from '../../../src/control/host.js';
import type { Access } from '../../../src/explain/access.js';
import { InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';

/** The program of this process, which the guard protects as the daemon. */
const DAEMON = readlinkSync('/proc/self/exe');
const blocking = (path: string) => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: harm}
spec:
  nodeSelector: {matchLabels: {}}
  process: {matchPaths: [{path: ${path}}]}
`;

function planeWithHost() {
  const host = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, {}, {});
  return new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), host);
}

const caller = { identity: 'test', disconnected: new AbortController().signal };
const isGuarded = { code: 'failed-precondition', message: /the host would be harmed/ };

test('a policy for the host that would stop the daemon is refused, whichever way it comes, unless it is forced', async () => {
  const plane = planeWithHost();
  const { policies } = plane;
  const inputs = policies.readManifest(blocking(DAEMON));
  await assert.rejects(policies.apply(inputs), isGuarded);
  await assert.rejects(policies.sync(inputs, 0), isGuarded);
  await assert.rejects(policies.restore(inputs, new Map(), false), isGuarded);
  await assert.rejects(policies.preview(inputs, [], false, caller), isGuarded);
  assert.deepEqual(plane.commits, []);
  const { changes } = await policies.preview(inputs, [], true, caller);
  assert.equal(changes[0]?.kind, 'created');
  await policies.apply(inputs, { force: true });
  await policies.sync(inputs, 0, true);
  await policies.restore(inputs, new Map(), true);
  await policies.dryRuns.close();
  assert.equal(policies.list().length, 1);
  assert.deepEqual(plane.hostSubject.current?.id, HOST_ID);
});

test('a policy for the host that does not affect what it needs is accepted', async () => {
  const plane = planeWithHost();
  await plane.policies.apply(plane.policies.readManifest(blocking('/opt/games/chess')));
  assert.equal(plane.policies.list().length, 1);
  assert.equal(plane.kernel.isHostEnforced, true);
});

test('rules for the host hold for the targets of links in their paths at the time the policy is applied', async () => {
  const plane = planeWithHost();
  const found = { shared: [], changing: {}, mountedTwice: new Map(), folded: [] };
  const isRefused = async (object: string) => {
    const access: Access = {
      operation: 'execute',
      object: { kind: 'path', path: Buffer.from(object) },
      program: Buffer.from('/bin/sh'),
      ownership: 'owner',
      terminal: false,
      arguments: [],
    };
    return (await plane.policies.explain(HOST_ID, access)).action === 'Block';
  };
  plane.linksOfHost = ({ paths }) => {
    assert.deepEqual([...paths], ['/opt/games/chess']);
    return { ...found, links: { '/opt/games/chess': '/opt/games/gnuchess' } };
  };
  await plane.policies.apply(plane.policies.readManifest(blocking('/opt/games/chess')));
  assert.deepEqual([await isRefused('/opt/games/gnuchess'), await isRefused('/opt/games/other')], [true, false]);
  plane.linksOfHost = () => ({ ...found, links: { '/opt/games/chess': '/opt/games/other' } });
  await plane.policies.apply(plane.policies.readManifest(blocking('/opt/games/chess')));
  assert.deepEqual([await isRefused('/opt/games/gnuchess'), await isRefused('/opt/games/other')], [false, true]);
  plane.linksOfHost = () => ({ ...found, links: { '/opt/games/chess': DAEMON } });
  await assert.rejects(plane.policies.apply(plane.policies.readManifest(blocking('/opt/games/chess'))), isGuarded);
  assert.equal(await isRefused('/opt/games/other'), true);
});
