import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessClass, connect, type HauberkError, PolicyOrigin } from '../../../src/client/index.js';
import { serveAll } from './support.js';

const { PROCESS, FILE, MOUNT } = AccessClass;

test('visibility is set, returned and reset', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const description = {
    id: 'c1',
    name: 'web',
    namespace: 'shop',
    labels: { app: 'web' },
    origin: 'registered',
  } as const;
  await plane.tracker.register(description, { pidNamespace: 11, mountNamespace: 12 });
  const { revision } = await client.telemetry.setVisibility({ namespace: 'shop', classes: [FILE, PROCESS] });
  assert.equal(revision, 2n);
  await client.telemetry.setVisibility({ namespace: 'shop', matchLabels: { app: 'other' } });
  await plane.visibility.syncAnnotated(new Map([['*', ['file']]]));
  const { defaults, settings, effective } = await client.telemetry.getVisibility({ containerId: 'c1' });
  assert.deepEqual([defaults, effective], [[], [PROCESS, FILE]]);
  assert.deepEqual(settings, [
    { namespace: '*', matchLabels: {}, classes: [FILE], origin: PolicyOrigin.KUBERNETES },
    { namespace: 'shop', matchLabels: {}, classes: [PROCESS, FILE], origin: PolicyOrigin.RPC },
    { namespace: 'shop', matchLabels: { app: 'other' }, classes: [], origin: PolicyOrigin.RPC },
  ]);
  const page = await client.telemetry.getVisibility({ pageSize: 2 });
  assert.equal(page.settings.length, 2);
  const rest = await client.telemetry.getVisibility({ pageSize: 2, pageToken: page.nextPageToken });
  assert.deepEqual([rest.settings.length, rest.nextPageToken], [1, '']);
  await client.telemetry.setVisibility({ namespace: 'shop', reset: true });
  const after = await client.telemetry.getVisibility({ containerId: 'c1' });
  assert.deepEqual([after.settings.length, after.effective], [2, [FILE]]);
});

test('invalid fields of a request are named, and nothing is changed', async (t) => {
  const { server, plane } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const choice = /^must be ACCESS_CLASS_PROCESS, .*ACCESS_CLASS_CAPABILITY$/;
  const refused: [Parameters<typeof client.telemetry.setVisibility>[0], field: string, description: RegExp][] = [
    [{ classes: [FILE] }, 'namespace', /\S/],
    [{ namespace: 'Shop_', classes: [FILE] }, 'namespace', /\S/],
    [{ namespace: '*', classes: [FILE] }, 'namespace', /\S/],
    [{ namespace: 'shop', classes: [FILE, MOUNT] }, 'classes[1]', choice],
    [{ namespace: 'shop', classes: [0 as AccessClass] }, 'classes[0]', choice],
    [{ namespace: 'shop', classes: [FILE, FILE] }, 'classes[1]', /is given twice/],
    [{ namespace: 'shop', classes: [FILE], reset: true }, 'classes', /must be empty where reset is set/],
    [{ namespace: 'shop', matchLabels: { '': 'x' } }, 'match_labels', /must not contain an empty key/],
    [
      { namespace: 'shop', matchLabels: { 'kubearmor.io/container.name': '(' } },
      'match_labels["kubearmor.io/container.name"]',
      /must be a regular expression/,
    ],
  ];
  for (const [request, field, description] of refused) {
    await assert.rejects(client.telemetry.setVisibility(request), (error: HauberkError) => {
      assert.equal(error.code, 'INVALID_ARGUMENT');
      assert.equal(error.violations[0]?.field, field);
      assert.match(error.violations[0].description, description);
      return true;
    });
  }
  assert.deepEqual(plane.visibility.list(), []);
  await assert.rejects(client.telemetry.getVisibility({ containerId: 'none' }), /no container none/);
});
