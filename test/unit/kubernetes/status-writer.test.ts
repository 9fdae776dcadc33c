import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/kubernetes/api-client.js';
import { bringPolicies } from '../../../src/kubernetes/cluster-policies.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { PolicyObjects } from '../../../src/kubernetes/policy-objects.js';
import { StatusWriter } from '../../../src/kubernetes/status-writer.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

test('a policy has its status also where its namespace may have no more Events, and a report is none', async (context) => {
  const { policies } = new InMemoryControlPlane();
  const [kind] = POLICY_KINDS;
  const metadata = { name: 'web', namespace: 'shop', uid: 'u', generation: 1 };
  const objects = new PolicyObjects((document) => policies.readDocument(document));
  const read = objects.readAll([[kind!, { metadata, spec: {} }]]);
  const verdicts = await bringPolicies(policies, 'kubernetes', read);
  const patched: string[] = [];
  const client = {
    async get(path: string) {
      if (path.endsWith('/policy-status')) throw new ApiError('not found', 404);
      const data = { report: JSON.stringify({ node: 'other', enforcing: true, reason: '', policies: null }) };
      return { kind: 'List', metadata: { resourceVersion: '1' }, items: [{ metadata: { name: 'node-other' }, data }] };
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
