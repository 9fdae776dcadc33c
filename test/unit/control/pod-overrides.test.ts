import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PolicyOverride } from '../../../src/containers/container.js';
import { toContainerMessage } from '../../../src/rpc/convert.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const MANIFEST = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: /etc/shadow}, {path: /srv/page, action: Allow}]}
`;

const OVERRIDES: Readonly<Record<'audited' | 'disabled', PolicyOverride>> = {
  audited: { mode: 'audited', setBy: 'kubectl-annotate' },
  disabled: { mode: 'disabled', setBy: '' },
};

function container(id: string, change: Partial<Container> = {}): Container {
  const namespaces = { pidNamespace: 100 + Number(id), mountNamespace: 200 + Number(id) };
  return { id, name: id, namespace: 'shop', labels: { app: 'web' }, origin: 'cri', links: {}, namespaces, ...change };
}

/** A control plane whose namespace blocks by default, and the rules for a container in it. */
async function start() {
  const plane = new InMemoryControlPlane();
  await plane.policies.setPosture('shop', { file: 'block' });
  await plane.policies.apply(plane.policies.readManifest(MANIFEST));
  const decides = (id: string) => {
    const { rules, postures } = plane.containers.ruleSetOf(plane.containers.get(id)!);
    const { protection } = toContainerMessage(plane.containers.get(id)!, plane.containers);
    return {
      rules: rules.map(({ policy, rule }) => `${policy.mode ?? 'enforce'} ${rule.id}`).sort(),
      posture: postures.read,
      protection: `${protection?.protected} ${protection?.reason}`.trim(),
    };
  };
  return { ...plane, decides };
}

const ENFORCED = {
  rules: ['enforce file.matchPaths[0]', 'enforce file.matchPaths[1]'],
  posture: 'block',
  protection: 'true',
};

test('policies and postures only report in a container whose pod is set to audit, and are enforced in others', async () => {
  const { containers, decides } = await start();
  await containers.put(container('1'));
  await containers.put(container('2', { policyOverride: OVERRIDES.audited }));
  assert.deepEqual(decides('2'), {
    rules: ['audit file.matchPaths[0]', 'audit file.matchPaths[1]'],
    posture: undefined,
    protection: 'true its pod has its policies audited, set by kubectl-annotate',
  });
  assert.deepEqual(decides('1'), ENFORCED);
});

test('no policy is in force in a container whose pod disables them, until the pod is changed', async () => {
  const { containers, decides } = await start();
  await containers.put(container('1', { policyOverride: OVERRIDES.disabled }));
  const nothing = { rules: [], posture: undefined, protection: 'false its pod has its policies disabled' };
  assert.deepEqual(decides('1'), nothing);
  assert.deepEqual(containers.countByOverride(), { audited: 0, disabled: 1 });
  await containers.put(container('1'));
  assert.deepEqual(decides('1'), ENFORCED);
  await containers.put(container('1', { policyOverride: OVERRIDES.disabled }));
  assert.deepEqual(decides('1'), nothing);
});

test('a container is updated for a new image, or a new writer of the override, even if nothing else changes', async () => {
  const { containers } = await start();
  await containers.put(container('1'));
  await containers.put(container('1', { image: 'web:2', policyOverride: OVERRIDES.audited }));
  await containers.put(container('1', { image: 'web:2', policyOverride: { mode: 'audited', setBy: 'helm' } }));
  const { image, policyOverride } = containers.get('1')!;
  assert.deepEqual([image, policyOverride?.setBy], ['web:2', 'helm']);
});
