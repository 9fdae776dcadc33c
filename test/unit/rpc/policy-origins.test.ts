import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect, type HauberkError, PolicyOrigin } from '../../../src/client/index.js';
import { policyKey } from '../../../src/policy/model.js';
import { manifest, serveAll } from './support.js';

async function start(t: TestContext) {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const source = (name: string, path?: string) => ({ $case: 'manifest', value: manifest(name, path) }) as const;
  return { client, plane, source, keys: () => plane.policies.list().map(policyKey) };
}

/** Long enough to be parsed in a thread. */
const MANY = Array.from({ length: 100 }, (_, index) => manifest(`many-${index}`)).join('---\n');

test('in every call policies of a client without an origin are separate from those of the command line', async (t) => {
  const { client, source, keys } = await start(t);
  const { policies } = client;
  const origin = PolicyOrigin.CLI;
  await policies.applyPolicy({ source: source('web') });
  const applied = await policies.applyPolicy({ source: source('web', '/etc/gshadow'), origin });
  assert.equal(applied.changes[0]!.origin, origin);
  assert.deepEqual(keys(), ['cli:default/web', 'default/web']);

  const validated = await policies.validatePolicy({ source: source('web', '/etc/gshadow'), origin });
  assert.deepEqual([validated.changes[0]!.kind, validated.changes[0]!.origin], [3, origin], 'it is unchanged');
  const { changes } = await policies.diff({ deleted: [{ name: 'web', namespace: '', scope: 0, origin }] });
  assert.equal(changes[0]!.origin, origin);

  assert.match((await policies.getPolicy({ name: 'web', origin })).manifest, /gshadow/u);
  assert.doesNotMatch((await policies.getPolicy({ name: 'web' })).manifest, /gshadow/u);
  const listed = await policies.listPolicies({ origin });
  assert.deepEqual(
    listed.policies.map((policy) => policy.origin),
    [origin],
  );

  await policies.syncPolicies({ manifest: MANY });
  assert.deepEqual(
    [keys()[0], keys().length],
    ['cli:default/web', 101],
    'a controller leaves those of the command line',
  );
  await policies.syncPolicies({ manifest: MANY, origin });
  await policies.syncPolicies({});
  assert.equal(keys().filter((key) => key.startsWith('cli:')).length, 100);
  await policies.deletePolicy({ name: 'many-0', origin });
  assert.equal(keys().length, 99);
});

test('an expected version refers to the policy of the origin in its key', async (t) => {
  const { client, source } = await start(t);
  await client.policies.applyPolicy({ source: source('web'), origin: PolicyOrigin.CLI });
  const requested = { source: source('web', '/etc/gshadow'), origin: PolicyOrigin.CLI };
  const isAborted = ({ code }: HauberkError) => code === 'ABORTED';
  const wrong = { ...requested, expectedVersions: { 'cli:default/web': 7n } };
  await assert.rejects(client.policies.applyPolicy(wrong), isAborted);
  await client.policies.applyPolicy({ ...requested, expectedVersions: { 'cli:default/web': 1n, 'default/web': 0n } });
});

test('clients can neither apply nor restore policies of Kubernetes or of an unknown origin', async (t) => {
  const { client, source, keys } = await start(t);
  const { policies, state } = client;
  for (const origin of [PolicyOrigin.KUBERNETES, PolicyOrigin.KUBERNETES_KUBEARMOR, 9 as PolicyOrigin]) {
    const requested = { source: source('web'), origin };
    const calls: [call: () => Promise<unknown>, field: string][] = [
      [() => policies.applyPolicy(requested), 'origin'],
      [() => policies.validatePolicy(requested), 'origin'],
      [() => policies.diff(requested), 'origin'],
      [() => policies.syncPolicies({ origin }), 'origin'],
      [() => policies.syncPolicies({ manifest: MANY, origin }), 'origin'],
      [() => state.restore({ manifests: [manifest('a'), manifest('b')], origins: [1, origin] }), 'origins[1]'],
    ];
    for (const [call, field] of calls)
      await assert.rejects(call(), ({ code, violations }: HauberkError) => {
        assert.deepEqual([code, violations[0]?.field], ['INVALID_ARGUMENT', field]);
        assert.match(violations[0]!.description, /^must be POLICY_ORIGIN_RPC or POLICY_ORIGIN_CLI$/u);
        return true;
      });
  }
  for (const call of [
    policies.listPolicies({ origin: 9 as PolicyOrigin }),
    policies.getPolicy({ name: 'a', origin: 9 as PolicyOrigin }),
  ])
    await assert.rejects(call, ({ violations }: HauberkError) => violations[0]?.field === 'origin');
  const uneven = state.restore({ manifests: [manifest('a'), manifest('b')], origins: [1] });
  await assert.rejects(uneven, ({ violations }: HauberkError) => violations[0]?.field === 'origins');
  assert.deepEqual(keys(), []);
});

test('a backup in pages has the origin of each policy', async (t) => {
  const { client, source, keys } = await start(t);
  await client.policies.applyPolicy({ source: source('web') });
  await client.policies.applyPolicy({ source: source('web'), origin: PolicyOrigin.CLI });
  const first = await client.state.backup({ pageSize: 1 });
  assert.deepEqual([first.manifests.length, first.origins], [1, [PolicyOrigin.CLI]]);
  const { revision: _, ...backup } = await client.state.backup();
  assert.deepEqual(backup.origins, [PolicyOrigin.CLI, PolicyOrigin.RPC]);
  await client.state.restore({});
  await client.state.restore(backup);
  assert.deepEqual(keys(), ['cli:default/web', 'default/web']);
});
