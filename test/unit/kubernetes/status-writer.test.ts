import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/kubernetes/api-client.js';
import { bringPolicies } from '../../../src/kubernetes/cluster-policies.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { PolicyObjects } from '../../../src/kubernetes/policy-objects.js';
import { StatusWriter } from '../../../src/kubernetes/status-writer.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

test('a policy gets its status even if the quota of Events is used up, and that is reported', async (context) => {
  const { policies } = new InMemoryControlPlane();
  const [kind] = POLICY_KINDS;
  const metadata = { name: 'web', namespace: 'shop', uid: 'u', generation: 1 };
  const objects = new PolicyObjects((document) => policies.readDocument(document));
  const read = await objects.readAll([[kind!, { metadata, spec: {} }]]);
  const verdicts = await bringPolicies(policies, 'kubernetes', read);
  const patched: string[] = [];
  const client = {
    async get(path: string) {
      throw new ApiError(`${path} not found`, 404);
    },
    async list() {
      const data = { report: JSON.stringify({ node: 'other', enforcing: true, reason: '', policies: null }) };
      return {
        kind: 'List',
        bytes: 100,
        metadata: { resourceVersion: '1' },
        items: [{ metadata: { name: 'node-other' }, data }],
      };
    },
    async create(path: string) {
      if (path.endsWith('/events')) throw new ApiError('exceeded quota', 403);
    },
    replace: async () => undefined,
    patch: async (path: string) => void patched.push(path),
    async *watch(_: string, __: object, { signal, onOpen }: { signal: AbortSignal; onOpen: () => void }) {
      onOpen();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const writer = new StatusWriter({
    client: client as never,
    namespace: 'hauberk',
    node: 'node',
    policies,
    verdicts: () => verdicts,
    host: () => ({ enforcing: true, reason: '', leftOut: new Map() }),
    isOverridden: () => false,
    logger: { info: () => undefined, warn: () => undefined } as never,
  });
  writer.start();
  context.after(() => writer.stop());
  await eventually(() => patched.some((path) => path.endsWith('/securitypolicies/web/status')));
  await eventually(() => writer.problem === 'exceeded quota');
  assert.equal(verdicts[0]!.refusal?.reason, 'Invalid');
});

test('an unchanged report is renewed from time to time, and written again if it was deleted', async (context) => {
  const { policies } = new InMemoryControlPlane();
  const requested: string[] = [];
  let isThere = false;
  const keysOf = (body: object) => Object.keys((body as { data: object }).data).join();
  const client = {
    get: async () => ({ metadata: { name: 'node', uid: 'u' } }),
    async create(_: string, body: object) {
      requested.push(`create ${keysOf(body)}`);
      isThere = true;
    },
    async patch(_: string, body: object) {
      if (!isThere) throw new ApiError('not found', 404);
      requested.push(`patch ${keysOf(body)}`);
    },
  };
  const writer = new StatusWriter({
    client: client as never,
    namespace: 'hauberk',
    node: 'node',
    policies,
    verdicts: () => [],
    host: () => ({ enforcing: true, reason: '', leftOut: new Map() }),
    isOverridden: () => false,
    logger: { info: () => undefined, warn: () => undefined } as never,
    renewal: 5,
  });
  context.after(() => writer.stop());
  writer.changed(0);
  await eventually(() => requested.length >= 3);
  assert.deepEqual(requested.slice(0, 3), ['create report,renewed', 'patch renewed', 'patch renewed']);
  isThere = false;
  const { length } = requested;
  await eventually(() => writer.problem !== undefined || requested.length > length);
  writer.changed(0);
  await eventually(() => requested.includes('create report,renewed', 1));
});
