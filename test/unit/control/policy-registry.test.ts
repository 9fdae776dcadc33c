import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VISIBILITY_SETTINGS_MAX } from '../../../src/control/visibility-registry.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { manifest } from '../rpc/support.js';

const until = (text: string, time: string) => text.replace('spec:', `spec:\n  expires: "${time}"`);
const named = (name: string) => ({ namespace: 'default', name });
const namesIn = ({ policies }: InMemoryControlPlane) => policies.list().map(({ name }) => name);

test('a policy is deleted only in the expected version, or in any version if none is given', async () => {
  const plane = new InMemoryControlPlane();
  const { policies } = plane;
  const { revision } = await policies.apply(policies.readManifest(manifest('one')));
  await assert.rejects(policies.delete(named('one'), revision + 1), {
    code: 'aborted',
    message: `policy default/one has resource version ${revision}, it was expected to have ${revision + 1}`,
  });
  const { result } = await policies.delete(named('one'), revision);
  assert.deepEqual([result.kind, result.policy.name, result.previousVersion], ['deleted', 'one', revision]);
  await assert.rejects(policies.delete(named('one'), 0), { code: 'not-found', message: 'no policy default/one' });
  await policies.apply(policies.readManifest(manifest('one')));
  await policies.delete(named('one'), 0);
  assert.deepEqual(namesIn(plane), []);
});

test('an expected version of a policy that does not exist, or a policy that must not exist, is reported', async () => {
  const { policies } = new InMemoryControlPlane();
  const inputs = policies.readManifest(manifest('one'));
  const apply = (version: number) => policies.apply(inputs, { expected: new Map([['default/one', version]]) });
  await assert.rejects(apply(3), {
    code: 'aborted',
    message: 'policy default/one does not exist, it was expected to have 3',
  });
  const { revision } = await apply(0);
  await assert.rejects(apply(0), {
    code: 'aborted',
    message: `policy default/one has resource version ${revision}, it was expected not to exist`,
  });
});

test('a synchronisation is refused if policies have changed since the expected revision', async () => {
  const plane = new InMemoryControlPlane();
  const { policies } = plane;
  const one = policies.readManifest(manifest('one'));
  await policies.apply(policies.readManifest(manifest('old')));
  const { revision } = await policies.apply(one);
  await assert.rejects(policies.sync([], revision - 1), {
    code: 'aborted',
    message: `policies have changed since revision ${revision - 1}, at ${revision}`,
  });
  await policies.sync(one, revision);
  assert.deepEqual(namesIn(plane), ['one']);
  await policies.sync([], 0);
  assert.deepEqual(namesIn(plane), []);
});

test('policies are deleted at the moment they expire, and those without an expiry stay', async () => {
  const plane = new InMemoryControlPlane();
  const { policies } = plane;
  const end = Date.parse('2030-01-01T00:00:00Z');
  const texts = [manifest('stays'), until(manifest('ends'), '2030-01-01T00:00:00Z')];
  texts.push(until(manifest('later'), '2030-01-01T00:00:01Z'));
  await policies.apply(texts.flatMap((text) => policies.readManifest(text, 0)));
  assert.deepEqual((await policies.deleteExpired(end - 1)).result, []);
  const { result } = await policies.deleteExpired(end);
  assert.deepEqual(
    result.map(({ policy, kind }) => [policy.name, kind]),
    [['ends', 'deleted']],
  );
  assert.deepEqual(namesIn(plane).sort(), ['later', 'stays']);
});

test('policies that were parsed elsewhere get the warnings of this kernel after their own', async () => {
  const { policies } = new InMemoryControlPlane();
  Object.assign(policies, { coverage: { warningsFor: () => ['a hook is missing'] } });
  const inputs = policies.readManifest(manifest('one')).map((input) => ({ ...input, warnings: ['its own'] }));
  const covered = await policies.allWithCoverage([...inputs, ...inputs]);
  assert.deepEqual(
    covered.map(({ warnings }) => warnings),
    [
      ['its own', 'a hook is missing'],
      ['its own', 'a hook is missing'],
    ],
  );
  assert.deepEqual(covered[0]!.policy, inputs[0]!.policy);
});

test('a policy is returned with its version, its text and the containers that it reaches', async () => {
  const plane = new InMemoryControlPlane();
  const { policies } = plane;
  const { revision } = await policies.apply(policies.readManifest(manifest('one')));
  for (const id of ['b', 'a', 'c']) {
    const labels: Record<string, string> = id === 'c' ? {} : { app: 'web' };
    const inode = 10 * id.charCodeAt(0);
    await plane.tracker.register(
      { id, name: id, namespace: 'default', labels, origin: 'registered' },
      { pidNamespace: inode, mountNamespace: inode + 1 },
    );
  }
  const policy = policies.get(named('one'))!;
  assert.equal(policies.versionOf(policy), revision);
  assert.equal(policies.versionOf({ ...policy, name: 'other' }), 0);
  assert.equal(policies.get(named('other')), undefined);
  assert.deepEqual(await policies.containerIdsReachedBy(policy), ['a', 'b']);
  const text = await policies.manifestInTimeSlices(policy);
  assert.deepEqual(policies.readManifest(text)[0]!.policy, policy);
  const document = await policies.documentInTimeSlices(policy);
  assert.deepEqual(policies.readDocument(document).policy, policy);
});

test('a restore accepts as many settings of visibility as the limit allows, and no more', async () => {
  const plane = new InMemoryControlPlane();
  const settings = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      namespace: `n${index}`,
      matchLabels: {},
      classes: [],
      origin: 'rpc' as const,
    }));
  assert.throws(() => plane.policies.restore([], new Map(), false, settings(VISIBILITY_SETTINGS_MAX + 1)), {
    code: 'resource-exhausted',
    message: `${VISIBILITY_SETTINGS_MAX + 1} settings of visibility, at most ${VISIBILITY_SETTINGS_MAX} are kept`,
  });
  await plane.policies.restore([], new Map(), false, settings(VISIBILITY_SETTINGS_MAX));
  assert.equal(plane.visibility.list().length, VISIBILITY_SETTINGS_MAX);
  await plane.policies.restore([], new Map(), false, settings(1));
  assert.equal(plane.visibility.list().length, 1);
  assert.equal(plane.commits.at(-1)?.deleteVisibility?.length, VISIBILITY_SETTINGS_MAX - 1);
  await plane.policies.restore([], new Map(), false);
  assert.equal(plane.visibility.list().length, 1, 'settings that a restore does not contain stay');
});
