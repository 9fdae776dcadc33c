import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostAsSubject } from '../../../src/control/host.js';
import { RuleSets } from '../../../src/control/rule-sets.js';
import { Unreached } from '../../../src/control/unreached.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { InMemoryControlPlane, POSTURES } from '../../support/in-memory-control-plane.js';
import { makePolicy, makeRule } from '../policy/support.js';

const CALLER = { identity: 'test', disconnected: new AbortController().signal };

function manifest(name: string, spec: string, kind = 'KubeArmorPolicy'): string {
  return `apiVersion: security.kubearmor.com/v1
kind: ${kind}
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: web}}
  ${spec}
`;
}

async function start() {
  const plane = new InMemoryControlPlane();
  for (const [number, namespace] of ['default', 'shop'].entries()) {
    const description = {
      id: `c${number}`,
      name: 'web',
      namespace,
      labels: { app: 'web' },
      origin: 'registered',
    } as const;
    await plane.tracker.register(description, { pidNamespace: number + 11, mountNamespace: number + 12 });
  }
  const warningsOf = async (text: string) => {
    const planned = await plane.policies.dryRun(plane.policies.readManifest(text), false, CALLER);
    const { result } = await plane.policies.apply(plane.policies.readManifest(text));
    const warnings = result.flatMap((change) => change.warnings);
    assert.deepEqual(
      planned.flatMap((change) => change.warnings),
      warnings,
    );
    return warnings;
  };
  return { plane, warningsOf };
}

test('an Allow policy under posture audit gets a warning with the command that sets the posture', async (t) => {
  const { plane, warningsOf } = await start();
  t.after(() => plane.policies.dryRuns.close());
  const allow = 'action: Allow\n  file: {matchPaths: [{path: /x}]}\n  process: {matchPaths: [{path: /y}]}';
  const warning = (namespace: string, classes = 'file') =>
    `its Allow rules refuse nothing else: the posture of ${classes} in namespace ${namespace} is audit, which only reports; ` +
    `to refuse, run: hauberk posture set ${namespace} file=block`;
  assert.deepEqual(await warningsOf(manifest('a', allow)), [warning('default')]);
  // Unchanged, it still refuses nothing.
  assert.deepEqual(await warningsOf(manifest('a', allow)), [warning('default')]);
  assert.deepEqual(await warningsOf(manifest('b', allow, 'KubeArmorClusterPolicy')), [
    warning('default'),
    warning('shop'),
  ]);
  await plane.policies.delete({ namespace: '', name: 'b', scope: 'cluster' }, 0);
  await plane.policies.setPosture('default', { file: 'block' });
  assert.deepEqual(await warningsOf(manifest('a', allow)), []);
  assert.deepEqual(await warningsOf(manifest('c', allow.replace('Allow', 'Block'))), []);
  const audited = manifest('d', `mode: audit\n  ${allow}`).replace('{name: d}', '{name: d, namespace: shop}');
  assert.ok((await warningsOf(audited)).every((each) => !each.includes('posture')));
  const { result } = await plane.policies.sync(
    plane.policies.readManifest(manifest('b', allow, 'KubeArmorClusterPolicy')),
    0,
  );
  assert.deepEqual(result.find(({ policy }) => policy.name === 'b')!.warnings, [warning('shop')]);
});

test('a rule that another makes ineffective gets a warning with line and column', async (t) => {
  const { plane, warningsOf } = await start();
  t.after(() => plane.policies.dryRuns.close());
  await warningsOf(manifest('first', 'file: {matchPaths: [{path: /srv/secret}]}'));
  const [warning, ...others] = await warningsOf(
    manifest('second', 'file: {matchPaths: [{path: /srv/other}, {path: /srv/secret}]}'),
  );
  assert.deepEqual(others, []);
  assert.match(
    warning!,
    /^line 6, column 43: file\.matchPaths\[1\] never decides: default\/first .*; take it out, or give its policy a higher `priority`$/u,
  );
});

test('for a selector that reaches nothing a warning lists the existing labels, those of its keys first', async () => {
  const containers = new Map(
    [{ app: 'db', zone: 'a' }, { app: 'shop' }].map((labels, index) => [
      `c${index}`,
      { namespace: 'default', labels: labels as Record<string, string> },
    ]),
  );
  const host = { labels: { 'kubearmor.io/hostname': 'node-1', 'kubernetes.io/os': 'linux' } };
  const warning = (policy: Parameters<typeof makePolicy>[0]) =>
    new Unreached({ containers }, { host }).warningFor(makePolicy(policy));
  const nobody = 'the selector reaches no container at present';
  assert.equal(warning({ matchLabels: { zone: 'b' } }), `${nobody}: labels there are zone=a, app=db, app=shop`);
  assert.equal(warning({ namespace: 'apps' }), `${nobody}: namespace apps has none, there are some in default`);
  assert.equal(warning({ namespace: '', scope: 'cluster' }), `${nobody}: labels there are app=db, app=shop, zone=a`);
  assert.equal(
    warning({ namespace: '', scope: 'host' }),
    'the selector does not reach this host, whose labels are kubearmor.io/hostname=node-1, kubernetes.io/os=linux',
  );
  assert.equal(new Unreached({ containers: new Map() }, { host }).warningFor(makePolicy()), nobody);
});

test('the host has the labels of nodes in Kubernetes and KubeArmor', () => {
  const { labels, name } = hostAsSubject({ pidNamespace: 1, mountNamespace: 2 }, { zone: 'a' }, {});
  assert.deepEqual(
    [labels['kubearmor.io/hostname'], labels['kubernetes.io/hostname'], labels['kubernetes.io/os'], labels.zone],
    [name, name, 'linux', 'a'],
  );
  assert.match(labels['kubernetes.io/arch']!, /^(?:amd64|arm64)$/u);
});

const desired = { policies: PolicySet.empty, postures: new Map(), profiles: new Map(), visibility: new Map() };
const images = { has: () => false, fits: async () => true, decidedRules: async () => new Set<number>() };

test('the posture of files can be set to hold for programs too', () => {
  const own = new Map([['shop', { file: 'block', process: 'audit' } as const]]);
  const apart = new RuleSets(images, POSTURES, undefined);
  const together = new RuleSets(images, POSTURES, undefined, { filePostureForProcesses: true });
  assert.equal(apart.posturesFor('shop', { postures: own }).process, 'audit');
  assert.equal(together.posturesFor('shop', { postures: own }).process, 'block');
  assert.equal(together.posturesFor('other', { postures: own }).process, POSTURES.file);
  const policies = desired.policies.with([
    makePolicy({ namespace: 'shop', rules: [makeRule({ class: 'process', action: 'Allow' })] }),
  ]);
  const subject = { namespace: 'shop', labels: { app: 'web' }, links: {} };
  assert.equal(together.ruleSetFor(subject, { ...desired, policies, postures: own }).postures.execute, 'block');
});

test('a name in a rule also covers the name with the suffixes of the cluster, for containers of its namespace', () => {
  const rule = makeRule({ class: 'network', action: 'Allow', match: { kind: 'domain', domain: 'example.com' } });
  const policies = desired.policies.with([makePolicy({ rules: [rule] })]);
  const ruleSets = new RuleSets(images, POSTURES, undefined, { clusterDomain: 'cluster.local' });
  const { rules } = ruleSets.ruleSetFor(
    { namespace: 'default', labels: { app: 'web' }, links: {} },
    { ...desired, policies },
  );
  const names = rules.flatMap(({ rule: { match } }) =>
    match.kind === 'domain' && !match.lookup ? [match.domain] : [],
  );
  assert.deepEqual(names.sort(), [
    'example.com',
    'example.com.cluster.local',
    'example.com.default.svc.cluster.local',
    'example.com.svc.cluster.local',
  ]);
});

test('if the contents of an image are unknown the preset drift is refused, or gets a warning if it only reports', async (t) => {
  const { plane, warningsOf } = await start();
  t.after(() => plane.policies.dryRuns.close());
  const reported = 'container web: its root was not examined, register it again with a process';
  const untold = 'the preset drift reports everything that is executed, since it does not know what came with an image';
  await assert.rejects(warningsOf(manifest('a', 'presets: [{name: exec}, {name: drift}]')), {
    code: 'failed-precondition',
    message: `policy default/a, presets[1]: the preset drift does not know what came with an image, and would refuse everything that is executed: ${reported}`,
  });
  assert.equal(plane.policies.list().length, 0);
  const audit = await warningsOf(manifest('a', 'presets: [{name: drift, action: Audit}]'));
  assert.deepEqual(audit, [`presets[0]: ${untold}: ${reported}`]);
  const dry = await warningsOf(manifest('a', 'mode: audit\n  presets: [{name: drift}]'));
  assert.deepEqual(dry, [`presets[0]: ${untold}: ${reported}`]);
  // A container whose root is an overlay causes no warning.
  const description = { id: 'own', name: 'own', namespace: 'other', labels: { app: 'web' }, origin: 'docker' } as const;
  const { container } = (await plane.tracker.register(description, { pid: process.pid })).result;
  assert.deepEqual(container.root, plane.root);
  const there = manifest('b', 'presets: [{name: drift}]').replace('name: b', 'name: b, namespace: other');
  assert.deepEqual(await warningsOf(there), []);
  // The root that was determined once is kept, whatever the container changes.
  plane.root = { device: 7 };
  assert.deepEqual((await plane.tracker.register(description, { pid: process.pid })).result.container.root, {
    device: 42,
  });
});

test('the preset drift is not for hosts', async (t) => {
  const { plane } = await start();
  t.after(() => plane.policies.dryRuns.close());
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: h}
spec: {nodeSelector: {matchLabels: {}}, presets: [{name: exec}, {name: drift}]}`;
  assert.throws(() => plane.policies.readManifest(text), /spec\.presets\[1\]\.name: `drift` is for containers/);
});
