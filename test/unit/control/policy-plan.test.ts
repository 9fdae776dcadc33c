import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { reachedByInSteps } from '../../../src/control/policy-plan.js';
import { givenBy } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
import { crampedPlane, InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';

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
  for (const [index, [id, labels]] of containers.entries()) await register(plane, id, labels, 10 * index + 10);
  return plane;
}

function register({ tracker }: InMemoryControlPlane, id: string, labels: Record<string, string>, pidNamespace = 10) {
  const description = { id, name: id, namespace: 'default', labels, origin: 'registered' } as const;
  return tracker.register(description, { pidNamespace, mountNamespace: pidNamespace + 1 });
}

test('a change reports the result for each policy, with its old and new revision', async () => {
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

test('for many policies at once the containers of each are reported, with a warning for those that reach none', async () => {
  const both = { app: 'x', tier: 'y' };
  const plane = await planeWith(['c3', both], ['c1', { app: 'x' }], ['c2', { tier: 'y' }], ['c4', both]);
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
  const labels = ['app: x', 'tier: y', 'app: x, tier: y', 'app: none'];
  const changes = await apply(plane, ...names.map((name, index) => manifest(name, labels[index % labels.length]!)));
  const expected = [['c1', 'c3', 'c4'], ['c2', 'c3', 'c4'], ['c3', 'c4'], []];
  for (const [index, { policy, containerIds, warnings }] of changes.entries()) {
    assert.deepEqual(containerIds, expected[index % labels.length], policy.name);
    assert.deepEqual(containerIds, finish(reachedByInSteps(policy, plane.ledger.desired, plane.enforcement)));
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

test('a policy that reaches no container is compiled as a check, unless it is certainly small', async (t) => {
  const plane = await planeWith();
  const compiled = t.mock.method(plane.enforcement.images, 'tryToCompile');
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

test('policies for the host reach only the host, alone or among many, and policies for containers only containers', async () => {
  const host: Container = {
    id: 'host',
    name: 'host',
    namespace: '',
    labels: { app: 'x' },
    origin: 'registered',
    namespaces: { pidNamespace: 1, mountNamespace: 2 },
    links: {},
    isHost: true,
  };
  const plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), host);
  await register(plane, 'c1', { app: 'x' });
  const forHost = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: games}
spec: {nodeSelector: {matchLabels: {app: x}}, process: {matchPaths: [{path: /opt/games/chess}]}, action: Block}
`;
  const [alone] = await apply(plane, forHost);
  assert.deepEqual(alone!.containerIds, ['host']);
  const many = Array.from({ length: 17 }, (_, index) => manifest(`p${index}`, 'app: x'));
  const changes = await apply(plane, forHost.replace('chess', 'go'), ...many);
  assert.deepEqual(
    changes.map(({ containerIds }) => containerIds),
    [['host'], ...many.map(() => ['c1'])],
  );
});

test('only containers that a changed policy reaches, or reached before, get other rules', async () => {
  const plane = await planeWith(['c1', { app: 'x' }], ['c2', { app: 'y' }]);
  await apply(plane, manifest('a', 'app: x'), manifest('b', 'app: y'));
  const published: number[][] = [];
  plane.kernel.beforePublish = async (entries) =>
    void published.push(entries.map(({ container }) => container.pidNamespace));
  await apply(plane, manifest('a', 'app: x', 'matchPaths: [{path: /etc/gshadow}]'));
  await apply(plane, manifest('a', 'app: y', 'matchPaths: [{path: /etc/gshadow}]'));
  await plane.policies.delete({ name: 'b', namespace: 'default', scope: 'namespace' }, 0);
  assert.deepEqual(published, [[10], [10, 20], [20]]);
});

test('an unchanged policy is neither compiled again nor warned of again', async (t) => {
  const plane = await planeWith();
  const compiled = t.mock.method(plane.enforcement.images, 'tryToCompile');
  const count = async (text: string) => {
    const before = compiled.mock.callCount();
    const [change] = await apply(plane, text);
    return [change!.kind, compiled.mock.callCount() - before];
  };
  const pattern = (glob: string) => manifest('a', 'app: none', `matchPatterns: [{pattern: "${glob}"}]`);
  assert.deepEqual(await count(pattern('/etc/*.conf')), ['created', 1]);
  assert.deepEqual(await count(pattern('/etc/*.conf')), ['unchanged', 0]);
  assert.deepEqual(await count(pattern('/etc/*.ini')), ['updated', 1]);
  const directories = (count: number, length: number) =>
    `matchDirectories: [${Array.from({ length: count }, (_, index) => `{dir: /${String(index).padStart(length - 2, '0')}/}`).join(', ')}]`;
  assert.deepEqual(await count(manifest('b', 'app: none', directories(64, 64))), ['created', 0]);
  assert.deepEqual(await count(manifest('c', 'app: none', directories(64, 65))), ['created', 1]);
});

test('a client gets a warning when Kubernetes has a policy of the same name, and Kubernetes does not', async () => {
  const plane = await planeWith(['c1', { app: 'x' }]);
  const { policies } = plane;
  const ofKubernetes = policies
    .readManifest(manifest('a', 'app: x'))
    .map((input) => ({ ...input, policy: givenBy('kubernetes', input.policy) }));
  const about = (changes: Awaited<ReturnType<typeof apply>>) =>
    changes.map(({ warnings }) => warnings.filter((each) => each.includes('same name')));
  await apply(plane, manifest('a', 'app: x'));
  assert.deepEqual(about((await policies.sync(ofKubernetes, 0, false, 'kubernetes')).result), [[]]);
  assert.deepEqual(about(await apply(plane, manifest('a', 'app: x'), manifest('b', 'app: x'))), [
    ['kubernetes has a policy of the same name, which is another one and stays in force as well'],
    [],
  ]);
});

test('a change reports the containers in which policies are left out: five by name, and how many more', async () => {
  const containers = Array.from({ length: 7 }, (_, index) => [`c${index}`, { a: 'x', b: 'x' }] as const);
  const plane = crampedPlane();
  for (const [index, [id, labels]] of containers.entries()) await register(plane, id, labels, 10 * index + 10);
  // Each alone compiles, but not together.
  const large = (name: string) => manifest(name, `${name}: x`, `matchPatterns: [{pattern: "/**${name}???"}]`);
  await apply(plane, large('a'));
  const leftOut = ({ warnings }: { readonly warnings: readonly string[] }) =>
    warnings.filter((each) => each.includes('left out'));
  const [same, added] = await apply(plane, large('a'), large('b'));
  assert.deepEqual(leftOut(same!), []);
  assert.deepEqual(leftOut(added!), [
    ...containers
      .slice(0, 5)
      .map(([id]) => `container ${id}: its policies do not compile together, left out are default/b`),
    'policies are left out in 2 more containers',
  ]);
});

test('planning stops when the client has disconnected', async () => {
  const plane = await planeWith(['c1', { app: 'x' }]);
  const caller = { identity: 'test', disconnected: AbortSignal.abort() };
  for (const count of [1, 20]) {
    const texts = Array.from({ length: count }, (_, index) => manifest(`p${index}`, 'app: x'));
    await assert.rejects(plane.policies.dryRun(plane.policies.readManifest(texts.join('---')), false, caller));
  }
});
