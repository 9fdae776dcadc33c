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

/** The Events of one writer, and existing ones. */
function start(made = new Map<string, Made>(), answer?: ApiError) {
  let requested = 0;
  const create = async (path: string, body: object) => {
    requested++;
    const { metadata } = body as Made;
    assert.equal(path, `/api/v1/namespaces/${metadata.namespace}/events`);
    if (answer !== undefined) throw answer;
    if (made.has(metadata.name)) throw new ApiError('it is there', 409);
    made.set(metadata.name, body as Made);
  };
  const events = new WarningEvents({ create }, 'node-1');
  const reported = () => [...made.values()].map(({ reason, message }) => `${reason}: ${message}`);
  return { events, made, reported, requested: () => requested };
}

const [kind] = POLICY_KINDS;
const policy = { kind: kind!, object: { metadata: { name: 'web', namespace: 'shop', uid: 'u1' } } };
const accepted = (message = ''): NewCondition => ({ type: 'Accepted', status: 'True', reason: 'Accepted', message });
const enforced = (reason: string, message = ''): NewCondition => {
  return { type: 'Enforced', status: reason === 'Enforced' ? 'True' : 'False', reason, message };
};
const INVALID: NewCondition = { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'spec.action: must be' };

test('each problem of a policy makes one Event, and a valid policy makes none', async () => {
  const { events, reported, made } = start();
  await events.report(policy, [accepted(), enforced('Enforced', 'in 2 containers')]);
  assert.deepEqual(reported(), []);
  await events.report(policy, [accepted('a warning'), enforced('LeftOut', 'in 1 of 2')]);
  await events.report(policy, [accepted('a warning'), enforced('LeftOut', 'in 1 of 3')]);
  await events.report(policy, [INVALID, enforced('NotAccepted')]);
  assert.deepEqual(reported(), ['Warned: a warning', 'LeftOut: in 1 of 2', 'Invalid: spec.action: must be']);
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

test('the next writer finds existing Events and does not make them again', async () => {
  const first = start();
  await first.events.report(policy, [INVALID]);
  const second = start(first.made);
  await second.events.report(policy, [INVALID]);
  await second.events.report(policy, [INVALID]);
  assert.deepEqual([second.reported().length, second.requested()], [1, 1]);
});

test('an Event has a name, a namespace and a length that Kubernetes accepts', async () => {
  const { events, made } = start();
  const metadata = { name: `${'a'.repeat(229)}-${'b'.repeat(20)}`, uid: 'u2' };
  await events.report({ ...policy, object: { metadata } }, [accepted('é'.repeat(2000))]);
  const [event] = made.values();
  assert.match(event!.metadata.name, /^a{229}\.[0-9a-f]{16}$/);
  assert.equal(event!.metadata.namespace, 'default');
  assert.ok(Buffer.byteLength(event!.message) <= 1024 && event!.message.endsWith('…'));
});

test('an Event that cannot be created is reported as a failure, except in a namespace that is being deleted', async () => {
  const ending = start(undefined, new ApiError('forbidden: because it is being terminated', 403));
  await ending.events.report(policy, [INVALID]);
  const forbidden = start(undefined, new ApiError('forbidden: no such right', 403));
  await assert.rejects(forbidden.events.report(policy, [INVALID]), /no such right/);
});

test('an invalid value in a namespace or in the settings makes one Event there as long as it is the same', async () => {
  const { events, reported, made } = start();
  const namespace = { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'shop', uid: 'u2' } };
  for (const message of ['is "blok"', 'is "blok"', 'is "blog"'])
    await events.reportSetting({ object: namespace, message });
  const settings = { kind: 'ConfigMap', metadata: { name: 'hauberk-config', namespace: 'hauberk', uid: 'u3' } };
  await events.reportSetting({ object: settings, message: 'not followed' });
  assert.deepEqual(reported(), ['NotFollowed: is "blok"', 'NotFollowed: is "blog"', 'NotFollowed: not followed']);
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
