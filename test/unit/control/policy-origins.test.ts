import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { originOf, type Policy, policyKey } from '../../../src/policy/model.js';
import { recordsOf } from '../../../src/store/stored-form.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const manifest = (name: string, path = '/etc/shadow') => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: ${path}}]}
`;

function start() {
  const { policies, ...plane } = new InMemoryControlPlane();
  const read = (name: string, origin?: Policy['origin'], path?: string) =>
    policies
      .readManifest(manifest(name, path))
      .map((input) => ({ ...input, policy: { ...input.policy, ...(origin && { origin }) } }));
  return { policies, ...plane, read, keys: () => policies.list().map(policyKey) };
}

test('policies of the same name from two origins are both in force', async () => {
  const { policies, read, keys } = start();
  await policies.apply(read('web', undefined, '/etc/a'));
  await policies.sync(read('web', 'kubernetes', '/etc/b'), 0, false, 'kubernetes');
  await policies.sync(read('web', 'kubernetes-kubearmor', '/etc/c'), 0, false, 'kubernetes-kubearmor');
  assert.deepEqual(keys(), ['kubernetes-kubearmor:shop/web', 'kubernetes:shop/web', 'shop/web']);
  const blocked = async (object: string) => {
    const [path, program] = [Buffer.from(object), Buffer.from('/bin/cat')];
    const access = {
      operation: 'read',
      object: { kind: 'path', path },
      program,
      terminal: false,
      arguments: [],
    } as const;
    const subject = { namespace: 'shop', labels: { app: 'web' } };
    return (await policies.explain(subject, { ...access, ownership: 'owner' })).action;
  };
  const actions = [await blocked('/etc/a'), await blocked('/etc/b'), await blocked('/etc/c'), await blocked('/etc/d')];
  assert.deepEqual(actions, ['Block', 'Block', 'Block', 'Allow']);
});

test('a synchronisation of one origin does not change the policies of others', async () => {
  const { policies, read, keys } = start();
  await policies.apply(read('by-hand'));
  await policies.sync(read('of-cluster', 'kubernetes'), 0, false, 'kubernetes');
  await policies.sync([], 0, false, 'kubernetes-kubearmor');
  assert.deepEqual(keys(), ['kubernetes:shop/of-cluster', 'shop/by-hand']);
  await policies.sync([], 0);
  assert.deepEqual(keys(), ['kubernetes:shop/of-cluster']);
  await policies.sync([], 0, false, 'kubernetes');
  assert.deepEqual(keys(), []);
});

test('the revision that a client expects refers to the policies of clients', async () => {
  const { policies, read } = start();
  const { revision } = await policies.apply(read('by-hand'));
  await policies.sync(read('of-cluster', 'kubernetes'), 0, false, 'kubernetes');
  await policies.sync(read('by-hand', undefined, '/etc/gshadow'), revision);
  await assert.rejects(policies.sync([], revision), (error) => error instanceof Failure && error.code === 'aborted');
});

test('a policy is deleted by its name and its origin', async () => {
  const { policies, read, keys } = start();
  await policies.apply([...read('web'), ...read('web', 'kubernetes')]);
  await policies.delete({ namespace: 'shop', name: 'web' }, 0);
  assert.deepEqual(keys(), ['kubernetes:shop/web']);
  await policies.delete({ namespace: 'shop', name: 'web', origin: 'kubernetes' }, 0);
  assert.deepEqual(keys(), []);
});

test('a restored backup replaces the policies of clients and keeps those of other origins', async () => {
  const { policies, read, keys } = start();
  await policies.apply([...read('old'), ...read('of-cluster', 'kubernetes')]);
  await policies.restore(read('new'), new Map(), false);
  assert.deepEqual(keys(), ['kubernetes:shop/of-cluster', 'shop/new']);
});

test('policies of one name are stored as separate records, and one without an origin belongs to clients', async () => {
  const { read } = start();
  const given = [...read('web'), ...read('web', 'kubernetes')].map(({ policy }) => policy);
  const records = await recordsOf({ putPolicies: given.map((policy) => ({ policy, version: 1 })) });
  assert.deepEqual([...records.keys()], ['policy/shop/web', 'policy/kubernetes:shop/web']);
  assert.deepEqual(given.map(originOf), ['rpc', 'kubernetes']);
});

test('settings of clients for a namespace override its annotations, and neither deletes the other', async () => {
  const { policies, ledger } = start();
  const namespace = (name: string) => [policies.posturesFor(name).file, policies.posturesFor(name).network];
  const before = namespace('shop');
  await policies.syncAnnotatedPostures(new Map([['shop', { file: 'block', network: 'audit' }]]));
  assert.deepEqual(
    [before, namespace('shop')],
    [
      ['audit', 'block'],
      ['block', 'audit'],
    ],
  );
  await policies.setPosture('shop', { file: 'audit' });
  assert.deepEqual(namespace('shop'), ['audit', 'audit']);
  await policies.restore([], new Map(), false);
  assert.deepEqual(namespace('shop'), ['block', 'audit']);
  assert.deepEqual([...policies.annotatedPostures().keys(), ...policies.postures().keys()], ['shop']);
  const { revision } = ledger;
  await policies.syncAnnotatedPostures(new Map([['shop', { file: 'block', network: 'audit' }]]));
  assert.equal(ledger.revision, revision, 'the same setting again changes nothing');
  await policies.setPosture('shop', { network: 'block' });
  await policies.syncAnnotatedPostures(new Map());
  assert.deepEqual(namespace('shop'), ['audit', 'block']);
});
