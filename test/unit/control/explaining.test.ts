import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { HOST_ID, hostAsSubject } from '../../../src/control/host.js';
import type { Access } from '../../../src/explain/access.js';
import type { Operation } from '../../../src/policy/effect.js';
import { InMemoryControlPlane, MemoryKernel, WEB, WEB_NAMESPACES } from '../../support/in-memory-control-plane.js';

const manifest = (spec: string) => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: one, namespace: default}
spec: {selector: {matchLabels: {app: web}}, ${spec}}
`;

function access(operation: Operation, path: string, newPath?: string): Access {
  const object = { kind: 'path', path: Buffer.from(path), ...(newPath && { newPath: Buffer.from(newPath) }) } as const;
  return { operation, object, program: Buffer.from('/bin/sh'), ownership: 'owner', terminal: false, arguments: [] };
}

async function planeWith(spec: string) {
  const host = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, {}, {});
  const plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), host);
  await plane.policies.apply(plane.policies.readManifest(manifest(spec)));
  await plane.tracker.register(WEB, WEB_NAMESPACES);
  const explain = async (asked: Access, subject: Parameters<typeof plane.policies.explain>[0] = 'c1') => {
    const { action, decider } = await plane.policies.explain(subject, asked);
    return [
      action,
      decider === undefined ? '' : 'policy' in decider ? decider.rule.id : `posture ${decider.postureOf}`,
    ];
  };
  return { plane, explain };
}

test('a program that must not run is not mapped, linked or renamed either', async () => {
  const { explain } = await planeWith('process: {matchPaths: [{path: /bin/nc}]}, action: Block');
  const byRule = ['Block', 'process.matchPaths[0]'];
  assert.deepEqual(await explain(access('execute', '/bin/nc')), byRule);
  assert.deepEqual(await explain(access('map', '/bin/nc')), byRule);
  assert.deepEqual(await explain(access('link', '/bin/nc', '/bin/x')), byRule);
  assert.deepEqual(await explain(access('rename', '/bin/nc', '/bin/x')), byRule);
  for (const operation of ['read', 'write', 'delete'] as const)
    assert.deepEqual(await explain(access(operation, '/bin/nc')), ['Allow', ''], operation);
  assert.deepEqual(await explain(access('map', '/bin/other')), ['Allow', '']);
});

test('a program that only a posture keeps from running, or that a rule reports, may be used otherwise', async () => {
  const { plane, explain } = await planeWith('process: {matchPaths: [{path: /bin/sh}]}, action: Allow');
  await plane.policies.setPosture('default', { process: 'block' });
  assert.deepEqual(await explain(access('execute', '/bin/nc')), ['Block', 'posture process']);
  assert.deepEqual(await explain(access('map', '/bin/nc')), ['Allow', '']);
  const audited = await planeWith('process: {matchPaths: [{path: /bin/nc}]}, action: Audit');
  assert.deepEqual(await audited.explain(access('map', '/bin/nc')), ['Allow', '']);
});

test('an access that a rule for files refuses is explained by that rule', async () => {
  const spec = 'process: {matchPaths: [{path: /bin/nc}]}, file: {matchPaths: [{path: /bin/nc}]}, action: Block';
  const { explain } = await planeWith(spec);
  assert.deepEqual(await explain(access('rename', '/bin/nc', '/bin/x')), ['Block', 'file.matchPaths[0]']);
});

test('decisions can be explained for the host, and for a container that does not exist yet', async () => {
  const { explain } = await planeWith('file: {matchPaths: [{path: /etc/shadow}]}, action: Block');
  const read = access('read', '/etc/shadow');
  assert.deepEqual(await explain(read, HOST_ID), ['Allow', '']);
  assert.deepEqual(await explain(read, { namespace: 'default', labels: { app: 'web' } }), [
    'Block',
    'file.matchPaths[0]',
  ]);
  assert.deepEqual(await explain(read, { namespace: 'default', labels: {} }), ['Allow', '']);
  await assert.rejects(explain(read, 'none'), { code: 'not-found', message: 'no container none' });
});
