import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessClass, connect, type HauberkError, PolicyOrigin } from '../../../src/client/index.js';
import type { Visibility } from '../../../src/generated/hauberk/v1/telemetry.js';
import { serveAll } from './support.js';

const manifest = (name: string, path = '/etc/shadow') => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: ${path}}]}
  action: Block
`;

const visible = (...settings: Partial<Visibility>[]) => {
  const whole = { namespace: 'x', matchLabels: {}, classes: [], origin: PolicyOrigin.RPC };
  return { visibility: { settings: settings.map((each) => ({ ...whole, ...each })) } };
};

test('restoring a backup replaces policies and postures', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  await client.policies.applyPolicy({ source: { $case: 'manifest', value: `${manifest('a')}---\n${manifest('b')}` } });
  await plane.policies.setPosture('kept', { file: 'block', network: 'audit' });
  const { revision, ...backup } = await client.state.backup();
  assert.equal(revision, 2n);
  const before = plane.policies.list();

  await client.policies.deletePolicy({ name: 'a' });
  await client.policies.applyPolicy({ source: { $case: 'manifest', value: manifest('b', '/etc/group') } });
  await client.policies.applyPolicy({ source: { $case: 'manifest', value: manifest('c') } });
  await plane.policies.setPosture('kept', {});
  await plane.policies.setPosture('other', { file: 'block' });
  const restored = await client.state.restore(backup);
  assert.equal(restored.revision, 8n);
  assert.deepEqual(plane.policies.list(), before);
  assert.deepEqual([...plane.policies.postures()], [['kept', { file: 'block', network: 'audit' }]]);
});

test('restoring a backup restores the visibility set by clients, unless it contains none', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const labelled = { namespace: 'shop', matchLabels: { app: 'web' } };
  await plane.visibility.set(labelled, ['process', 'network']);
  await plane.visibility.set({ namespace: 'quiet', matchLabels: {} }, []);
  await plane.visibility.syncAnnotated(new Map([['annotated', ['file']]]));
  const { revision: _, ...backup } = await client.state.backup({ pageSize: 1 });
  const whole = await client.state.backup();
  assert.equal(backup.visibility?.settings.length, 1);
  assert.deepEqual(
    whole.visibility?.settings.map(({ namespace, classes }) => [namespace, classes.length]),
    [
      ['shop', 2],
      ['quiet', 0],
    ],
  );
  const before = plane.visibility.list();

  await plane.visibility.set(labelled, undefined);
  await plane.visibility.set({ namespace: 'other', matchLabels: {} }, ['file']);
  await client.state.restore({ manifests: [] });
  assert.deepEqual(
    plane.visibility.list().map(({ namespace }) => namespace),
    ['annotated', 'other', 'quiet'],
  );
  await client.state.restore(whole);
  assert.deepEqual(plane.visibility.list(), before);
});

test('a policy that has expired since the backup is skipped, and the others are restored', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const expired = manifest('old').replace('  action', '  expires: 2020-01-01T00:00:00Z\n  action');
  await client.state.restore({ manifests: [expired, manifest('a')] });
  assert.equal(plane.policies.list().length, 2);
  await plane.policies.deleteExpired(Date.now());
  assert.deepEqual(
    plane.policies.list().map(({ name }) => name),
    ['a'],
  );
});

test('errors in a restore are reported with their position, and nothing is changed', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  await client.state.restore({ manifests: [manifest('a')] });
  const refused: [request: Parameters<typeof client.state.restore>[0], field: string, description: RegExp][] = [
    [
      { manifests: [manifest('b'), manifest('c', 'relative')] },
      'manifests[1].spec.file.matchPaths[0].path',
      /^line 6, /,
    ],
    [{ manifests: [manifest('b'), manifest('b')] }, 'manifests[1]', /policy default\/b is given twice/],
    [{ postures: [{ namespace: '', postures: [] }] }, 'postures[0].namespace', /\S/],
    [{ postures: [1, 2].map(() => ({ namespace: 'x', postures: [] })) }, 'postures[1]', /namespace x is given twice/],
    [visible({ namespace: 'X y' }), 'visibility.settings[0].namespace', /\S/],
    [
      visible({ classes: [AccessClass.SYSTEM_CALL] }),
      'visibility.settings[0].classes[0]',
      /must be ACCESS_CLASS_PROCESS/,
    ],
    [visible({ origin: PolicyOrigin.KUBERNETES }), 'visibility.settings[0].origin', /must be POLICY_ORIGIN_RPC/],
    [visible({}, {}), 'visibility.settings[1]', /what is visible of x is given twice/],
  ];
  for (const [request, field, description] of refused) {
    await assert.rejects(
      client.state.restore(request),
      (error: { code: string; violations: { field: string; description: string }[] }) => {
        assert.equal(error.code, 'INVALID_ARGUMENT');
        assert.equal(error.violations[0]!.field, field);
        assert.match(error.violations[0]!.description, description);
        return true;
      },
    );
  }
  assert.equal(plane.policies.list().length, 1);
});

test('a backup that does not fit a response has pages, all of the same state', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const message = `  message: ${'m'.repeat(250)}\n  action`;
  const names = Array.from({ length: 300 }, (_, index) => `p${index + 1000}`);
  const value = names.map((name) => manifest(name).replace('  action', message)).join('---\n');
  await client.policies.applyPolicy({ source: { $case: 'manifest', value } });
  await plane.policies.setPosture('kept', { file: 'block' });
  const first = await client.state.backup({ pageSize: 200 });
  assert.deepEqual([first.manifests.length, first.postures.length], [200, 0]);
  await plane.tracker.register(
    { id: 'c1', name: 'web', namespace: 'default', labels: {}, origin: 'registered' },
    { pidNamespace: 11, mountNamespace: 12 },
  );
  const second = await client.state.backup({ pageSize: 200, pageToken: first.nextPageToken });
  assert.deepEqual([second.manifests.length, second.postures.length, second.nextPageToken], [100, 1, '']);
  const whole = await client.state.backup();
  assert.deepEqual(whole.manifests, [...first.manifests, ...second.manifests]);
  assert.deepEqual(whole.postures, second.postures);

  await client.policies.deletePolicy({ name: names[0]! });
  await assert.rejects(
    client.state.backup({ pageToken: first.nextPageToken }),
    ({ code }: HauberkError) => code === 'ABORTED',
  );
});
