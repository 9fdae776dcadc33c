import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { bringPolicies, type RecentRefusals } from '../../../src/kubernetes/cluster-policies.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { PolicyObjects } from '../../../src/kubernetes/policy-objects.js';
import { policyKey } from '../../../src/policy/model.js';
import { writeFailure } from '../../../src/store/store-failure.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const [KIND] = POLICY_KINDS;

function object(name: string, path = '/etc/shadow', more: object = {}, generation = 1) {
  const spec = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path }] }, ...more };
  return { metadata: { name, namespace: 'shop', uid: name, generation }, spec };
}

function start() {
  const { policies } = new InMemoryControlPlane();
  let reads = 0;
  const objects = new PolicyObjects((document) => {
    reads++;
    return policies.readDocument(document);
  });
  const read = async (all: readonly ReturnType<typeof object>[], now?: number) =>
    await objects.readAll(
      all.map((each) => [KIND!, each] as const),
      now,
    );
  const keys = () => policies.list().map((policy) => policyKey(policy));
  return { policies, read, keys, reads: () => reads };
}

/** Refuses a policy of one name as the host's guard would. */
function refusing(policies: InMemoryControlPlane['policies'], name: string) {
  const tried: string[] = [];
  const check = (inputs: Parameters<typeof policies.apply>[0]) => {
    tried.push(inputs.map(({ policy }) => policy.name).join());
    if (inputs.some(({ policy }) => policy.name === name)) throw new Failure('failed-precondition', 'it would harm');
  };
  const registry: Parameters<typeof bringPolicies>[0] = {
    list: () => policies.list(),
    get: (named) => policies.get(named),
    delete: (...all) => policies.delete(...all),
    async sync(...all) {
      check(all[0]);
      return policies.sync(...all);
    },
    async apply(...all) {
      check(all[0]);
      return policies.apply(...all);
    },
  };
  return { registry, tried };
}

test('a refused policy delays neither other policies nor the deletion of one', async () => {
  const { policies, read, keys } = start();
  await bringPolicies(policies, 'kubernetes', await read([object('old'), object('good')]));
  const { registry } = refusing(policies, 'bad');
  const verdicts = await bringPolicies(
    registry,
    'kubernetes',
    await read([object('good'), object('bad'), object('new')]),
  );
  assert.deepEqual(keys(), ['kubernetes:shop/good', 'kubernetes:shop/new']);
  assert.deepEqual(
    verdicts.map(({ refusal }) => refusal?.reason),
    [undefined, 'Refused', undefined],
  );
});

test('what was refused a short time ago is not tried again at each change of others', async () => {
  const { policies, read } = start();
  const { registry, tried } = refusing(policies, 'bad');
  const recent: RecentRefusals = new Map();
  await bringPolicies(registry, 'kubernetes', await read([object('good'), object('bad')]), recent);
  tried.length = 0;
  const again = await bringPolicies(registry, 'kubernetes', await read([object('good'), object('bad')]), recent);
  assert.deepEqual(tried, ['good']);
  assert.equal(again[1]!.refusal?.message, 'it would harm');
  recent.clear();
  await bringPolicies(registry, 'kubernetes', await read([object('good'), object('bad')]), recent);
  assert.ok(tried.includes('bad'));
});

test('when the state cannot be stored no policy is reported as refused', async () => {
  const { read, policies } = start();
  const failures = [
    new Failure('unavailable', 'no disk'),
    writeFailure('/state', new Error('ENOSPC: no space left on device, write')),
  ];
  for (const failure of failures) {
    const fails = async () => {
      throw failure;
    };
    const registry = { list: () => policies.list(), get: () => undefined, delete: fails, sync: fails, apply: fails };
    await assert.rejects(bringPolicies(registry, 'kubernetes', await read([object('good')])), failure);
  }
});

test('an object is read again when its specification has changed, or its policy has ended', async () => {
  const { read, reads } = start();
  const expires = '2126-01-02T03:04:05Z';
  await read([object('a', '/a', { expires })]);
  await read([object('a', '/a', { expires })]);
  assert.equal(reads(), 1);
  assert.equal((await read([object('a', '/b', { expires }, 2)]))[0]!.input?.policy.rules.length, 1);
  assert.equal(reads(), 2);
  await read([object('a', '/b', { expires }, 2)], Date.parse(expires));
  assert.equal(reads(), 3);
});

test('an object that cannot be read, or with a too costly selector, does not delay the others', async () => {
  const { policies, keys } = start();
  const objects = new PolicyObjects((document) => {
    const { metadata } = document as { metadata: { name: string } };
    if (metadata.name === 'strange') throw new RangeError('too deep');
    return policies.readDocument(document);
  });
  const matchLabels = Object.fromEntries(Array.from({ length: 1001 }, (_, number) => [`l${number}`, 'x']));
  const all = [object('strange'), object('costly', '/etc/shadow', { selector: { matchLabels } }), object('good')];
  const verdicts = await bringPolicies(policies, 'kubernetes', await objects.readAll(all.map((each) => [KIND!, each])));
  assert.deepEqual(
    verdicts.map(({ refusal }) => refusal?.reason),
    ['Invalid', 'TooLarge', undefined],
  );
  assert.deepEqual(keys(), ['kubernetes:shop/good']);
});
