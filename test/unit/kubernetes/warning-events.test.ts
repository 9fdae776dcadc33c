import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/kubernetes/api-client.js';
import type { NewCondition } from '../../../src/kubernetes/conditions.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { WarningEvents } from '../../../src/kubernetes/warning-events.js';

interface Made {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly involvedObject: object;
  readonly reason: string;
  readonly message: string;
}

/** Events of one who tells, and those that there are. */
function start(made = new Map<string, Made>(), answer?: ApiError) {
  let asked = 0;
  const create = async (path: string, body: object) => {
    asked++;
    const { metadata } = body as Made;
    assert.equal(path, `/api/v1/namespaces/${metadata.namespace}/events`);
    if (answer !== undefined) throw answer;
    if (made.has(metadata.name)) throw new ApiError('it is there', 409);
    made.set(metadata.name, body as Made);
  };
  const events = new WarningEvents({ create }, 'node-1');
  const told = () => [...made.values()].map(({ reason, message }) => `${reason}: ${message}`);
  return { events, made, told, asked: () => asked };
}

const [kind] = POLICY_KINDS;
const policy = { kind: kind!, object: { metadata: { name: 'web', namespace: 'shop', uid: 'u1' } } };
const accepted = (message = ''): NewCondition => ({ type: 'Accepted', status: 'True', reason: 'Accepted', message });
const enforced = (reason: string, message = ''): NewCondition => {
  return { type: 'Enforced', status: reason === 'Enforced' ? 'True' : 'False', reason, message };
};
const INVALID: NewCondition = { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'spec.action: must be' };

test('what is wrong with a policy is an Event each, once, and what is right is none', async () => {
  const { events, told, made } = start();
  await events.tell(policy, [accepted(), enforced('Enforced', 'in 2 containers')]);
  assert.deepEqual(told(), []);
  await events.tell(policy, [accepted('a warning'), enforced('LeftOut', 'in 1 of 2')]);
  await events.tell(policy, [accepted('a warning'), enforced('LeftOut', 'in 1 of 3')]);
  await events.tell(policy, [INVALID, enforced('NotAccepted')]);
  assert.deepEqual(told(), ['Warned: a warning', 'LeftOut: in 1 of 2', 'Invalid: spec.action: must be']);
  const [first] = made.values();
  const { apiVersion } = kind!;
  assert.deepEqual(first!.involvedObject, {
    apiVersion,
    kind: kind!.kind,
    name: 'web',
    namespace: 'shop',
    uid: 'u1',
    resourceVersion: undefined,
  });
});

test('whoever tells next, finds the Events there and makes none anew', async () => {
  const first = start();
  await first.events.tell(policy, [INVALID]);
  const second = start(first.made);
  await second.events.tell(policy, [INVALID]);
  await second.events.tell(policy, [INVALID]);
  assert.deepEqual([second.told().length, second.asked()], [1, 1]);
});

test('an Event has a name, a namespace and a length that Kubernetes takes', async () => {
  const { events, made } = start();
  const metadata = { name: `${'a'.repeat(229)}-${'b'.repeat(20)}`, uid: 'u2' };
  await events.tell({ ...policy, object: { metadata } }, [accepted('é'.repeat(2000))]);
  const [event] = made.values();
  assert.match(event!.metadata.name, /^a{229}\.[0-9a-f]{16}$/);
  assert.equal(event!.metadata.namespace, 'default');
  assert.ok(Buffer.byteLength(event!.message) <= 1024 && event!.message.endsWith('…'));
});

test('an Event that cannot be made is told as a failure, but for a namespace that ends', async () => {
  const ending = start(undefined, new ApiError('forbidden: because it is being terminated', 403));
  await ending.events.tell(policy, [INVALID]);
  const forbidden = start(undefined, new ApiError('forbidden: no such right', 403));
  await assert.rejects(forbidden.events.tell(policy, [INVALID]), /no such right/);
});

test('what a namespace or the settings say and is not followed is an Event of them, once as long as it stays the same', async () => {
  const { events, told, made } = start();
  const namespace = { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'shop', uid: 'u2' } };
  for (const message of ['is "blok"', 'is "blok"', 'is "blog"'])
    await events.tellOfSetting({ object: namespace, message });
  const settings = { kind: 'ConfigMap', metadata: { name: 'hauberk-config', namespace: 'hauberk', uid: 'u3' } };
  await events.tellOfSetting({ object: settings, message: 'not followed' });
  assert.deepEqual(told(), ['NotFollowed: is "blok"', 'NotFollowed: is "blog"', 'NotFollowed: not followed']);
  const [first, , last] = made.values();
  assert.equal(first!.metadata.namespace, 'default');
  assert.deepEqual(first!.involvedObject, {
    apiVersion: 'v1',
    kind: 'Namespace',
    name: 'shop',
    uid: 'u2',
    resourceVersion: undefined,
  });
  assert.equal(last!.metadata.namespace, 'hauberk');
});
