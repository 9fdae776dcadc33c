import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { POLICY_ORIGINS, policyKey } from '../../../src/policy/model.js';
import { manifest } from '../rpc/support.js';
import { start } from './support.js';

/** A daemon with a policy of the same name from each origin. */
async function startWithOrigins(t: TestContext) {
  const started = await start(t);
  const { policies } = started.plane;
  for (const origin of POLICY_ORIGINS) {
    const inputs = policies.readManifest(manifest('web'));
    const given = inputs.map((input) => ({
      ...input,
      policy: { ...input.policy, ...(origin !== 'rpc' && { origin }) },
    }));
    await policies.sync(given, 0, false, origin);
  }
  return { ...started, keys: () => policies.list().map(policyKey) };
}

const OF_OTHERS = ['default/web', 'kubernetes-kubearmor:default/web', 'kubernetes:default/web'];

test('hauberk get policies shows the origin of each, also of several with one name, and lists those of one origin', async (t) => {
  const { hauberk } = await startWithOrigins(t);
  const shown = async (...options: string[]) => {
    const { output } = await hauberk('get', 'policies', ...options);
    const [head, ...rows] = output.trimEnd().split('\n');
    const place = head!.split(/ {2,}/u).indexOf('ORIGIN');
    return rows.map((row) => row.split(/ {2,}/u)[place]).sort();
  };
  assert.deepEqual(await shown(), ['cli', 'kubernetes', 'kubernetes-kubearmor', 'rpc']);
  assert.deepEqual(await shown('--origin', 'cli'), ['cli']);
});

test('hauberk apply, its --prune and delete change only policies of origin cli, unless an origin is named', async (t) => {
  const { hauberk, write, keys } = await startWithOrigins(t);
  const file = write('other.yaml', manifest('other'));
  const applied = await hauberk('apply', '--prune', '-f', file);
  assert.match(applied.output, /policy cli:default\/other created/u);
  assert.match(applied.output, /policy cli:default\/web .*deleted/u);
  assert.deepEqual(keys(), ['cli:default/other', ...OF_OTHERS]);
  const refused = await hauberk('delete', 'web');
  assert.equal(refused.status, 1);
  assert.match(
    refused.errors,
    /no policy web was applied from the command line; it comes from rpc and kubernetes and .* --origin rpc deletes/u,
  );
  assert.equal((await hauberk('delete', '--origin', 'kubernetes', 'web')).status, 0);
  assert.equal((await hauberk('delete', '-f', file)).output, 'policy cli:default/other deleted\n');
  assert.equal((await hauberk('delete', '--origin', 'rpc', '-f', write('web.yaml', manifest('web')))).status, 0);
  assert.deepEqual(keys(), ['kubernetes-kubearmor:default/web']);
});

test('hauberk get policy needs an origin when several have a policy of that name', async (t) => {
  const { hauberk, plane } = await startWithOrigins(t);
  const ambiguous = await hauberk('get', 'policy', 'web');
  assert.equal(ambiguous.status, 2);
  assert.match(ambiguous.errors, /--origin \(rpc, cli, kubernetes, kubernetes-kubearmor\)/u);
  const named = await hauberk('get', 'policy', 'web', '--origin', 'cli', '-o', 'name');
  assert.equal(named.output, 'cli:default/web\n');
  for (const origin of ['rpc', 'kubernetes', 'kubernetes-kubearmor'] as const)
    await plane.policies.sync([], 0, false, origin);
  assert.match((await hauberk('get', 'policy', 'web')).output, /name: web/u);
  assert.match((await hauberk('get', 'policy', 'nothing')).errors, /no policy default\/nothing/u);
});

test('hauberk apply warns of a policy of the same name from another origin', async (t) => {
  const { hauberk, write } = await startWithOrigins(t);
  const { errors } = await hauberk('apply', '-f', write('web.yaml', manifest('web')));
  assert.match(errors, /rpc and kubernetes and kubernetes-kubearmor have a policy of the same name/u);
});

test('hauberk explain and effective show the origin of a policy', async (t) => {
  const { hauberk } = await startWithOrigins(t);
  const access = ['explain', '-', 'read', '/etc/shadow', '--labels', 'app=web'];
  const { output } = await hauberk(...access);
  for (const key of ['cli:default/web', 'kubernetes:default/web']) assert.match(output, new RegExp(key, 'u'));
  const view = JSON.parse((await hauberk(...access, '-o', 'json')).output) as { overridden: { origin: string }[] };
  assert.equal(new Set(view.overridden.map(({ origin }) => origin)).size, 3);
});

test('a backup contains the origin of each policy, and restoring it does not change those of Kubernetes', async (t) => {
  const { hauberk, write, keys, plane } = await startWithOrigins(t);
  const before = keys();
  const file = write('host.yaml', '');
  await hauberk('backup', file);
  assert.match(readFileSync(file, 'utf8'), /^origin: cli$/mu);
  for (const origin of ['rpc', 'cli'] as const) await plane.policies.sync([], 0, false, origin);
  assert.deepEqual(await hauberk('restore', file).then(({ status }) => status), 0);
  assert.deepEqual(keys(), before);
});
