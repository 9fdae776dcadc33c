import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reachedByInSteps } from '../../../src/control/policy-plan.js';
import { finish } from '../../../src/steps.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const manifest = (name: string, labels: string, rules = 'matchPaths: [{path: /etc/shadow}]') => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: default}
spec: {selector: {matchLabels: {${labels}}}, file: {${rules}}, action: Block}
`;
const apply = async ({ policies }: InMemoryControlPlane, ...texts: string[]) =>
  (await policies.apply(policies.readManifest(texts.join('---')))).result;

async function planeWith(...containers: (readonly [id: string, labels: Record<string, string>])[]) {
  const plane = new InMemoryControlPlane();
  for (const [index, [id, labels]] of containers.entries())
    await plane.tracker.register(
      { id, name: id, namespace: 'default', labels, origin: 'registered' },
      { pidNamespace: 10 * index + 10, mountNamespace: 10 * index + 11 },
    );
  return plane;
}

test('a change tells for each policy what became of it, and of which revision it is and was', async () => {
  const plane = await planeWith();
  const summary = (changes: Awaited<ReturnType<typeof apply>>) =>
    changes.map(({ policy, kind, resourceVersion, previousVersion }) => [
      policy.name,
      kind,
      resourceVersion,
      previousVersion,
    ]);
  assert.deepEqual(summary(await apply(plane, manifest('a', 'app: x'))), [['a', 'created', 1, 0]]);
  const changed = manifest('a', 'app: x', 'matchPaths: [{path: /etc/passwd}]');
  assert.deepEqual(summary(await apply(plane, changed, manifest('b', 'app: x'))), [
    ['a', 'updated', 2, 1],
    ['b', 'created', 2, 0],
  ]);
  const { policies, commits } = plane;
  assert.deepEqual(
    commits.at(-1)?.putPolicies?.map(({ policy, version }) => [policy.name, version]),
    [
      ['b', 2],
      ['a', 2],
    ],
  );
  const written = commits.length;
  assert.deepEqual(summary(await apply(plane, changed)), [['a', 'unchanged', 2, 2]]);
  assert.equal(commits.length, written);
  const { result } = await policies.sync(policies.readManifest(changed), 0);
  assert.deepEqual(summary(result), [
    ['a', 'unchanged', 2, 2],
    ['b', 'deleted', 0, 2],
  ]);
  assert.deepEqual([...plane.ledger.desired.versions], [['default/a', 2]]);
  assert.equal(commits.at(-1)?.deletePolicies?.length, 1);
});

test('many policies at once are told to reach what each of them reaches, and those that reach nothing are warned of', async () => {
  const both = { app: 'x', tier: 'y' };
  const plane = await planeWith(['c3', both], ['c1', { app: 'x' }], ['c2', { tier: 'y' }], ['c4', both]);
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
  const labels = ['app: x', 'tier: y', 'app: x, tier: y', 'app: none'];
  const changes = await apply(plane, ...names.map((name, index) => manifest(name, labels[index % labels.length]!)));
  const expected = [['c1', 'c3', 'c4'], ['c2', 'c3', 'c4'], ['c3', 'c4'], []];
  for (const [index, { policy, containerIds, warnings }] of changes.entries()) {
    assert.deepEqual(containerIds, expected[index % labels.length], policy.name);
    assert.deepEqual(containerIds, finish(reachedByInSteps(policy, plane.ledger.desired, plane.ledger.enforcement)));
    assert.equal(
      warnings.some((each) => each.includes('reaches')),
      containerIds.length === 0,
      warnings.join(),
    );
  }
  const { policies } = plane;
  const { result } = await policies.sync([], 0);
  assert.equal(
    result.every(({ kind }) => kind === 'deleted'),
    true,
  );
  const byName = (reported: typeof result) =>
    new Map(reported.map(({ policy, containerIds }) => [policy.name, containerIds]));
  assert.deepEqual(byName(result), byName(changes));
});

test('a policy that reaches nothing is compiled all the same, unless it is sure to be small', async (t) => {
  const plane = await planeWith();
  const compiled = t.mock.method(plane.ledger.enforcement.images, 'tryToCompile');
  const isCompiled = async (name: string, rules: string) => {
    const before = compiled.mock.callCount();
    await apply(plane, manifest(name, 'app: none', rules));
    return compiled.mock.callCount() > before;
  };
  const paths = (count: number, length: number) =>
    `matchPaths: [${Array.from({ length: count }, (_, index) => `{path: /${String(index).padStart(length - 1, '0')}}`).join(', ')}]`;
  assert.equal(await isCompiled('plain', paths(64, 64)), false);
  assert.equal(await isCompiled('directories', 'matchDirectories: [{dir: /etc/}]'), false);
  assert.equal(await isCompiled('long', paths(64, 65)), true);
  assert.equal(await isCompiled('many', paths(65, 10)), true);
  assert.equal(await isCompiled('pattern', 'matchPatterns: [{pattern: "/etc/*.conf"}]'), true);
  assert.equal(await isCompiled('source', 'matchPaths: [{path: /a, fromSource: [{path: /b}]}]'), true);
});
