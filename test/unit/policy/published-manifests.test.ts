import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleSetInSteps } from '../../../src/control/resolution.js';
import type { AccessObject } from '../../../src/explain/access.js';
import { explain } from '../../../src/explain/evaluate.js';
import { compileImage } from '../../../src/image/compile.js';
import { decide } from '../../../src/image/walk.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { ADDRESS_FAMILIES } from '../../../src/policy/network.js';
import { PolicySet, type Subject } from '../../../src/policy/policy-set.js';
import { finish } from '../../../src/steps.js';
import { objectKey } from '../../support/object-key.js';
import { options } from './support.js';

/** What manifests that people publish contain, and what KubeArmor makes of it: from the text to whom it reaches and refuses. */

const BLOCKED = { process: 'block', file: 'block', network: 'block', capabilities: 'block' } as const;
const NOTHING = { postures: new Map(), profiles: new Map(), visibility: new Map() };

const policiesIn = (kind: string, spec: string) =>
  PolicySet.empty.with(
    readManifest(
      `{apiVersion: security.kubearmor.com/v1, kind: ${kind}, metadata: {name: published}, spec: {${spec}}}`,
      options,
    ).map(({ policy }) => policy),
  );

/** Whether a policy with such labels in its selector reaches a subject. */
function reaches(kind: 'KubeArmorPolicy' | 'KubeArmorHostPolicy', labels: string, subject: Subject): boolean {
  const selector = kind === 'KubeArmorPolicy' ? 'selector' : 'nodeSelector';
  const file = 'file: {matchPaths: [{path: /etc/shadow}]}, action: Block';
  return policiesIn(kind, `${selector}: {matchLabels: {${labels}}}, ${file}`).reaching(subject).length > 0;
}

test('a policy for hosts with `*` or a list of names as their name, or with their platform, reaches them', () => {
  const host: Subject = {
    namespace: '',
    labels: { 'kubearmor.io/hostname': 'node-1', 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux' },
    isHost: true,
  };
  for (const labels of [
    'kubearmor.io/hostname: "*"',
    'kubearmor.io/hostname: "node-2,node-1"',
    'kubearmor.io/hostnamereg: "node-[0-9]+"',
    'kubernetes.io/os: linux, kubernetes.io/arch: amd64',
  ])
    assert.equal(reaches('KubeArmorHostPolicy', labels, host), true, labels);
  for (const labels of [
    'kubearmor.io/hostname: "node-2,node-3"',
    'kubearmor.io/hostname: "*", kubernetes.io/os: windows',
  ])
    assert.equal(reaches('KubeArmorHostPolicy', labels, host), false, labels);
});

test('a policy for a list of names of containers reaches each of them, and one for an empty list or name every container', () => {
  const named = (name: string): Subject => ({ namespace: 'default', labels: {}, name });
  const reached = (value: string) =>
    ['c1', 'c2', 'c3'].filter((name) =>
      reaches('KubeArmorPolicy', `kubearmor.io/container.name: "${value}"`, named(name)),
    );
  assert.deepEqual(reached('[c1, c2]'), ['c1', 'c2']);
  assert.deepEqual(reached('[]'), ['c1', 'c2', 'c3']);
  assert.deepEqual(reached(''), ['c1', 'c2', 'c3']);
});

/** What a container in namespace shop may do under a policy and posture block, by the image and by the rules one by one. */
function decisionIn(
  network: string,
  operation: 'communicate' | 'resolve',
  object: AccessObject,
  clusterDomain?: string,
) {
  const policies = policiesIn(
    'KubeArmorClusterPolicy',
    `selector: {matchLabels: {}}, action: Allow, network: {${network}}`,
  );
  const settings = { postures: BLOCKED, clusterDomain };
  const { rules, ...others } = finish(
    ruleSetInSteps({ namespace: 'shop', labels: {}, links: {} }, { ...NOTHING, policies }, settings),
  );
  const { words } = compileImage({ rules, ...others });
  const { action } = decide(words, objectKey(object), { programClass: 0 }, operation, 'owner');
  const access = { operation, object, program: Buffer.from('/x'), terminal: false, arguments: [] } as const;
  assert.equal(explain(rules, BLOCKED, { ...access, ownership: 'owner' }).action, action);
  return action;
}

test('under an allow-list of tcp, udp and raw, or of names, local sockets stay usable and other families are refused', () => {
  const socket = (family: keyof typeof ADDRESS_FAMILIES): AccessObject => ({
    ...{ kind: 'socket', family: ADDRESS_FAMILIES[family], type: 1, protocol: 0 },
    ...{ direction: 'none', port: 0, address: [] },
  });
  for (const allowed of [
    'matchProtocols: [{protocol: tcp}, {protocol: udp}, {protocol: raw}]',
    'matchDNSQueries: [{domain: example.com}]',
  ]) {
    for (const family of ['unix', 'netlink'] as const)
      assert.equal(decisionIn(allowed, 'communicate', socket(family)), 'Allow', `${family}: ${allowed}`);
    assert.equal(decisionIn(allowed, 'communicate', socket('vsock')), 'Block', allowed);
  }
});

test('a name that is allowed in a pod may be asked for below each search domain of its cluster, and no other name may', () => {
  const allowed = (name: string, clusterDomain?: string) =>
    decisionIn('matchDNSQueries: [{domain: example.com}]', 'resolve', { kind: 'query', name }, clusterDomain);
  const suffixes = ['', '.shop.svc.cluster.local', '.svc.cluster.local', '.cluster.local'];
  for (const suffix of suffixes) assert.equal(allowed(`example.com${suffix}`, 'cluster.local'), 'Allow', suffix);
  const others = ['example.org', 'example.com.other.svc.cluster.local', 'shop.svc.cluster.local', 'example.com.local'];
  for (const name of others) assert.equal(allowed(name, 'cluster.local'), 'Block', name);
  assert.equal(allowed('example.com.svc.cluster.local'), 'Block', 'without a domain of the cluster');
});
