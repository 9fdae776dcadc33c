import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../../src/containers/container.js';
import { Failure } from '../../../../src/failure.js';
import { until } from '../access-support.js';
import { serveKubearmor } from './support.js';

const web: Container = {
  id: 'c1',
  name: 'web',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'docker',
  namespaces: { pidNamespace: 4_026_000_001, mountNamespace: 4_026_000_002 },
  links: {},
};

/** A policy as karmor sends it: without a kind, and with Go's zero values in unset fields. */
function sent(name: string, path = '/etc/shadow', spec: object = {}) {
  return {
    metadata: { name, creationTimestamp: null },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      process: {},
      file: { matchPaths: [{ path }] },
      network: {},
      capabilities: {},
      syscalls: {},
      batchAudit: { intervalSeconds: 0 },
      severity: 0,
      action: '',
      ...spec,
    },
    status: {},
  };
}

test('a policy is added, modified and deleted with the corresponding statuses', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  const send = (type: string, object: object) => client.sendPolicy('containerPolicy', { type, object });
  assert.equal(await send('ADDED', sent('p')), 'Applied');
  const [policy] = plane.policies.list();
  assert.equal(policy!.namespace, 'default');
  assert.deepEqual(policy!.matchLabels, { app: 'web' });
  assert.equal(policy!.rules[0]!.action, 'Block');
  assert.equal(policy!.rules[0]!.severity, 1);
  assert.equal(await send('ADDED', sent('p', '/etc/passwd')), 'Modified');
  assert.equal(await send('MODIFIED', sent('p', '/etc/group')), 'Modified');
  assert.deepEqual(plane.policies.list()[0]!.rules[0]!.match, { kind: 'exact', path: '/etc/group' });
  assert.equal(await send('MODIFIED', sent('q')), 'Applied');
  assert.equal(await send('DELETED', sent('p')), 'Deleted');
  assert.equal(await send('DELETED', sent('p')), 'NotExist');
  assert.deepEqual(
    plane.policies.list().map(({ name }) => name),
    ['q'],
  );
});

test('hostPolicy accepts policies for the host, and containerPolicy those for the cluster', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  const { selector: _, ...spec } = sent('h').spec;
  const object = { ...sent('h'), spec: { ...spec, nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'x' } } } };
  assert.equal(await client.sendPolicy('hostPolicy', { type: 'ADDED', object }), 'Applied');
  const cluster = { ...sent('c'), kind: 'KubeArmorClusterPolicy' };
  assert.equal(await client.sendPolicy('containerPolicy', { type: 'ADDED', object: cluster }), 'Applied');
  assert.deepEqual(
    plane.policies.list().map(({ name, scope }) => [name, scope]),
    [
      ['c', 'cluster'],
      ['h', 'host'],
    ],
  );
  assert.equal(await client.sendPolicy('hostPolicy', { type: 'DELETED', object }), 'Deleted');
  assert.equal(await client.sendPolicy('containerPolicy', { type: 'DELETED', object: cluster }), 'Deleted');
});

test('labels keep their empty values, a named program has no path, and actions may be in lower case', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  const object = sent('p', '/etc/shadow', {
    selector: { matchLabels: { app: '' } },
    process: { matchPaths: [{ path: '', execname: 'apt', severity: 0, message: '' }] },
    action: 'audit',
  });
  assert.equal(await client.sendPolicy('containerPolicy', { type: 'ADDED', object }), 'Applied');
  const [policy] = plane.policies.list();
  assert.deepEqual(policy!.matchLabels, { app: '' });
  assert.deepEqual(
    policy!.rules.map(({ match, action }) => [match.kind, action]),
    [
      ['name', 'Audit'],
      ['exact', 'Audit'],
    ],
  );
});

const refused: readonly (readonly [title: string, event: unknown, reason: RegExp])[] = [
  ['invalid JSON', '{"type":', /^a policy refused: policy: is not valid JSON: /],
  ['JSON that is not an object', '[]', /^a policy refused: policy: must hold `type` and `object`$/],
  ['an unknown type', { type: 'APPLY', object: sent('p') }, /type: must be one of ADDED, MODIFIED, DELETED$/],
  ['an event without a policy', { type: 'ADDED' }, /object: must be a policy$/],
  ['an unknown field beside them', { type: 'ADDED', object: sent('p'), force: true }, /refused: force: is not known$/],
  ['a policy without a name', { type: 'ADDED', object: sent('') }, /object\.metadata\.name: must not be empty$/],
  [
    'a kind for the other call',
    { type: 'ADDED', object: { ...sent('p'), kind: 'KubeArmorHostPolicy' } },
    /object\.kind: must be KubeArmorPolicy or KubeArmorClusterPolicy in this call$/,
  ],
  [
    'a path that is not absolute',
    { type: 'ADDED', object: sent('p', 'etc/shadow') },
    /^policy default\/p refused: spec\.file\.matchPaths\[0\]\.path: must be absolute/,
  ],
  [
    'a rule with an empty path',
    { type: 'ADDED', object: sent('p', '') },
    /^policy default\/p refused: spec\.file\.matchPaths\[0\]/,
  ],
  [
    'a selector that is empty',
    { type: 'ADDED', object: sent('p', '/x', { selector: {} }) },
    /spec\.selector: missing one of `matchLabels`/,
  ],
  [
    'a field that the language does not have',
    { type: 'ADDED', object: sent('p', '/x', { apparmor: 'profile' }) },
    /spec\.apparmor/,
  ],
  ['a policy without a rule', { type: 'ADDED', object: sent('p', '/x', { file: {} }) }, /at least one rule/],
];

for (const [title, event, reason] of refused) {
  test(`${title} is Invalid, changes nothing, and the reason is a message and a line in the log`, async (t) => {
    const { client, plane, logger } = await serveKubearmor(t);
    const { received, opened } = client.watchMessages();
    await opened;
    assert.equal(await client.sendPolicy('containerPolicy', event), 'Invalid');
    await until(() => received.length > 0);
    assert.equal(received[0]!.Level, 'WARN');
    assert.match((received[0]!.Message as string).split('\n')[0]!, reason);
    assert.equal(plane.policies.list().length, 0);
    const line = logger.lines.find(({ message }) => message === 'a policy was refused');
    assert.equal(line?.level, 'warn');
    assert.deepEqual([line?.fields.identity, line?.fields.status], [`uid:${process.getuid!()}`, 'Invalid']);
  });
}

test('network policies are NotEnabled, and a message says why', async (t) => {
  const { client } = await serveKubearmor(t);
  const { received, opened } = client.watchMessages();
  await opened;
  assert.equal(await client.sendPolicy('networkPolicy', { type: 'ADDED', object: sent('p') }), 'NotEnabled');
  await until(() => received.length > 0);
  assert.match(received[0]!.Message as string, /KubeArmorNetworkPolicies are not supported/);
});

test('a change that cannot be stored is a Failure, and an ERROR message has the cause', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  plane.storeFailure = new Failure('unavailable', 'the disk is full');
  const { received, opened } = client.watchMessages();
  await opened;
  const status = await client.sendPolicy('containerPolicy', { type: 'ADDED', object: sent('p') });
  assert.equal(status, 'Failure');
  await until(() => received.length > 0);
  assert.deepEqual([received[0]!.Level, received[0]!.Message], ['ERROR', 'policy default/p refused: the disk is full']);
  assert.equal(plane.policies.list().length, 0);
});

test('a message has the number of containers that a policy reaches, and warnings', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  await plane.containers.put(web);
  const { received, opened } = client.watchMessages();
  await opened;
  await client.sendPolicy('containerPolicy', { type: 'ADDED', object: sent('p') });
  const everybody = sent('all', '/x', { selector: { matchLabels: {} } });
  await client.sendPolicy('containerPolicy', { type: 'ADDED', object: everybody });
  await client.sendPolicy('containerPolicy', { type: 'DELETED', object: sent('p') });
  await until(() => received.length === 4);
  assert.deepEqual(
    received.map(({ Level, Message }) => [Level, Message]),
    [
      ['INFO', 'policy default/p applied, reaches 1 container'],
      ['INFO', 'policy default/all applied, reaches 1 container'],
      [
        'WARN',
        'policy default/all: spec.selector is empty, so the policy reaches every container of namespace `default`',
      ],
      ['INFO', 'policy default/p deleted'],
    ],
  );
});

test('each change is in the audit log with the name of its policy', async (t) => {
  const { client, logger } = await serveKubearmor(t);
  await client.sendPolicy('containerPolicy', { type: 'ADDED', object: sent('p') });
  const audited = () => logger.lines.find(({ fields }) => fields.audit === true);
  await until(() => audited() !== undefined);
  assert.equal(audited()!.fields.method, '/policy.PolicyService/containerPolicy');
  assert.deepEqual(audited()!.fields.names, ['default/p']);
});
