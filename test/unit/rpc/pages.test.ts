import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { connect } from '../../../src/client/index.js';
import { ContainerServiceClient } from '../../../src/generated/hauberk/v1/container.js';
import { PolicyServiceClient } from '../../../src/generated/hauberk/v1/policy.js';
import { answerOf, FIRST_PAGE, manifest, refusal, serveAll } from './support.js';

/** With the default limit of gRPC clients: responses of at most 4 MiB. */
async function start(t: TestContext) {
  const { plane, server } = await serveAll(t);
  const policies = new PolicyServiceClient(server.address, credentials.createInsecure());
  const containers = new ContainerServiceClient(server.address, credentials.createInsecure());
  const ours = connect({ address: server.address });
  t.after(() => {
    for (const client of [policies, containers, ours]) client.close();
  });
  const register = async (count: number) => {
    for (let number = 0; number < count; number++) {
      const id = `${number}`.padStart(64, '0');
      const description = { id, name: `web-${number}`, namespace: 'default', labels: { app: 'web' } };
      const namespaces = { pidNamespace: 1000 + number, mountNamespace: 100_000 + number };
      await plane.tracker.register({ ...description, origin: 'registered' }, namespaces);
    }
  };
  const apply = (text: string) => ours.policies.applyPolicy({ source: { $case: 'manifest', value: text } });
  return { plane, policies, containers, ours, register, apply };
}

const MESSAGE = 'm'.repeat(4000);

/** A policy of many rules; below `directory` their paths are longer. */
function large(name: string, rules: number, message = '', directory = ''): string {
  const paths = Array.from({ length: rules }, (_, number) => `      - path: /srv/${name}/${directory}${number}\n`).join(
    '',
  );
  const text = manifest(name).replace('      - path: /etc/shadow\n', paths);
  return message === '' ? text : text.replace('spec:\n', `spec:\n  message: ${message}\n`);
}

describe('a response that would not fit a message', () => {
  test('to a change has the number of containers, and as many ids as fit; the change is made', async (t) => {
    const { register, policies, plane, ours } = await start(t);
    await register(100);
    const manifests = Array.from({ length: 100 }, (_, number) => manifest(`p${number}`)).join('---\n');
    const source = { $case: 'manifest', value: manifests } as const;
    const { changes } = await answerOf(policies, (c) => c.applyPolicy, { source, expectedVersions: {}, force: false });
    assert.equal(changes.length, 100);
    assert.ok(changes.every(({ containerCount }) => containerCount === 100n));
    assert.equal(changes.flatMap(({ containerIds }) => containerIds).length, 8192);
    assert.equal(plane.policies.list().length, 100);
    assert.equal((await ours.policies.getPolicy({ name: 'p99' })).containerIds.length, 100);
  });

  test('to a list of policies has pages, which our client follows', async (t) => {
    const { apply, policies, ours } = await start(t);
    const count = 300;
    await apply(
      Array.from({ length: count }, (_, number) => large(`p${number + 1000}`, 4, `${MESSAGE}${number}`)).join('---\n'),
    );
    const first = await answerOf(policies, (c) => c.listPolicies, { namespace: '', ...FIRST_PAGE });
    assert.ok(first.policies.length < count && first.nextPageToken !== '');
    // Fields that all rules of a policy share are at the policy.
    assert.equal(first.policies[0]!.message, `${MESSAGE}0`);
    assert.deepEqual([...new Set(first.policies[0]!.rules.map(({ message }) => message))], ['']);
    const whole = await ours.policies.listPolicies();
    assert.deepEqual(
      whole.policies.map(({ name }) => name),
      Array.from({ length: count }, (_, number) => `p${number + 1000}`),
    );
    const page = { namespace: '', pageSize: 7, pageToken: first.nextPageToken };
    assert.equal((await answerOf(policies, (c) => c.listPolicies, page)).policies.length, 7);
  });

  test('to a list of containers has pages, in which none is repeated while others start and end', async (t) => {
    const { register, containers, plane } = await start(t);
    await register(20);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const answer = await answerOf(containers, (c) => c.listContainers, { namespace: '', pageSize: 3, pageToken });
      seen.push(...answer.containers.map(({ id }) => id));
      await plane.tracker.unregister(seen[0]!).catch(() => undefined);
      pageToken = answer.nextPageToken;
    } while (pageToken !== '');
    assert.equal(seen.length, 20);
    assert.equal(new Set(seen).size, 20);
  });

  test('with a policy of many rules has pages, from which it can be applied again', async (t) => {
    const { apply, policies, containers, ours, register } = await start(t);
    await register(1);
    const count = 1200;
    await apply(large('big', count, MESSAGE, 'directory/'.repeat(30)));
    const first = await answerOf(policies, (c) => c.getPolicy, { name: 'big', namespace: '', scope: 0, pageToken: '' });
    assert.ok(first.nextPageToken !== '' && first.policy!.rules.length < count);
    const { policy, manifest: text } = await ours.policies.getPolicy({ name: 'big' });
    assert.equal(policy!.rules.length, count);
    const again = await apply(text);
    assert.equal(again.changes[0]!.kind, 3, 'it is unchanged');
    const typed = await ours.policies.validatePolicy({ source: { $case: 'policy', value: policy! } });
    assert.equal(typed.changes[0]!.kind, 3, 'it is unchanged as a message, too');
    const containerId = '0'.repeat(64);
    const part = await answerOf(containers, (c) => c.getEffectivePolicy, { containerId, ...FIRST_PAGE });
    assert.ok(part.rules.length < count && part.nextPageToken !== '');
    assert.equal((await ours.containers.getEffectivePolicy({ containerId })).rules.length, count);
    await apply(large('big', 2));
    const stale = { name: 'big', namespace: '', scope: 0, pageToken: first.nextPageToken };
    assert.equal((await refusal(answerOf(policies, (c) => c.getPolicy, stale))).code, 'ABORTED');
  });

  test('refuses an invalid page token', async (t) => {
    const { policies } = await start(t);
    for (const pageToken of ['x', '!!', Buffer.from('[1]').toString('base64url')]) {
      const call = answerOf(policies, (c) => c.listPolicies, { namespace: '', pageSize: 0, pageToken });
      if (pageToken !== Buffer.from('[1]').toString('base64url'))
        assert.equal((await refusal(call)).code, 'INVALID_ARGUMENT');
      else await call;
    }
  });
});
