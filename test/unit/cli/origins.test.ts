import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { policyKey } from '../../../src/policy/model.js';
import { manifest } from '../rpc/support.js';
import { start } from './support.js';

/** A daemon with a policy of one name by a client, by Kubernetes and by KubeArmor's kinds there. */
async function startWithOrigins(t: TestContext) {
  const started = await start(t);
  const { policies } = started.plane;
  await policies.apply(policies.readManifest(manifest('web')));
  for (const origin of ['kubernetes', 'kubernetes-kubearmor'] as const) {
    const inputs = policies.readManifest(manifest('web'));
    const given = inputs.map((input) => ({ ...input, policy: { ...input.policy, origin } }));
    await policies.sync(given, 0, false, origin);
  }
  return { ...started, keys: () => policies.list().map(policyKey) };
}

test('hauberk get policies shows who gives each, also where one name is given by several', async (t) => {
  const { hauberk } = await startWithOrigins(t);
  const { output } = await hauberk('get', 'policies');
  const [head, ...rows] = output.trimEnd().split('\n');
  const place = head!.split(/ {2,}/u).indexOf('ORIGIN');
  const shown = rows.map((row) => row.split(/ {2,}/u)[place]);
  assert.deepEqual(shown.sort(), ['kubernetes', 'kubernetes-kubearmor', 'rpc']);
});

test('hauberk apply --prune and delete change what clients give alone, unless an origin is named', async (t) => {
  const { hauberk, write, keys } = await startWithOrigins(t);
  await hauberk('apply', '--prune', '-f', write('other.yaml', manifest('other')));
  assert.deepEqual(keys(), ['default/other', 'kubernetes-kubearmor:default/web', 'kubernetes:default/web']);
  assert.notEqual((await hauberk('delete', 'web')).status, 0);
  assert.equal((await hauberk('delete', '--origin', 'kubernetes', 'web')).status, 0);
  assert.deepEqual(keys(), ['default/other', 'kubernetes-kubearmor:default/web']);
});
