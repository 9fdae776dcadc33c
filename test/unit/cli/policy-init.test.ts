import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policySkeleton } from '../../../src/cli/policy-skeleton.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { run, start, web } from './support.js';

/** Uncomments all examples. */
const withExamples = (text: string) => text.replace(/^#:/gmu, '');

test('hauberk policy init makes a policy for a container that can be applied and refuses nothing', async (t) => {
  const { hauberk, write, plane } = await start(t);
  const labels = { app: 'web', 'pod-template-hash': '5d4f' };
  await plane.tracker.register({ ...web, labels }, { pidNamespace: 11, mountNamespace: 12 });
  const { status, output } = await hauberk('policy', 'init', 'web-1');
  assert.equal(status, 0);
  assert.match(output, /^# A policy for container web-1 \(app=web,pod-template-hash=5d4f\)\.$/mu);
  const applied = await hauberk('apply', '-f', write('web.yaml', output));
  assert.equal(applied.output, 'policy cli:default/web-1 created, reaches 1 container\n', applied.errors);
  const [policy] = plane.policies.list();
  assert.equal(policy!.mode, 'audit');
});

test('a skeleton stays valid with every example uncommented, for any names', () => {
  const names = ['web', 'on', '1', 'a.b-c'];
  for (const name of names) {
    const text = policySkeleton({ name, namespace: 'on', labels: { 'a.b/c': 'yes', d: '', e: '"\'#' }, of: 'a\nb' });
    for (const manifest of [text, withExamples(text)]) {
      const [{ policy, warnings }] = readManifest(manifest) as [ReturnType<typeof readManifest>[0]];
      assert.deepEqual([policy.name, policy.namespace, warnings], [name, 'on', []], manifest);
    }
  }
  assert.equal(
    readManifest(withExamples(policySkeleton({ name: 'x', namespace: 'y', labels: {}, of: 'z' })))[0]!.policy.rules
      .length,
    12,
  );
});

test('hauberk policy init needs a container or labels, and for labels no daemon', async () => {
  const nobody = (...parameters: string[]) => run('unix:/no/such/socket', ['policy', 'init', ...parameters]);
  const { status, output } = await nobody('--labels', 'app=Web Shop', '-n', 'shop');
  assert.equal(status, 0);
  assert.match(output, /^ {2}name: web-shop\n {2}namespace: shop$/mu);
  assert.equal((await nobody()).status, 2);
  assert.equal((await nobody('web')).status, 3);
});
