import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StandIn } from '../../../bench/scale/stand-in.js';
import { Kubernetes } from '../../../src/kubernetes/kubernetes.js';
import { Pods } from '../../../src/kubernetes/pods.js';
import { POLICY_KINDS, pathOfKind } from '../../../src/kubernetes/policy-kinds.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { RecordingLogger } from '../../support/recording-sink.js';

const POLICIES = pathOfKind(POLICY_KINDS[0]!);

function object({ generation = 1, nodes = 0, path = '/etc/shadow' } = {}) {
  const spec = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path }] } };
  const metadata = { name: 'one', namespace: 'shop', uid: 'one', generation, resourceVersion: '5' };
  return { apiVersion: 'hauberk.io/v1alpha1', kind: 'SecurityPolicy', metadata, spec, status: { nodes } };
}

/** A cluster with one policy, and the number of times its policies were applied. */
function follow(context: TestContext) {
  const plane = new InMemoryControlPlane();
  const none = { length: 0, at: () => ({}) };
  const paths = ['/api/v1/namespaces', '/api/v1/namespaces/hauberk/configmaps', '/api/v1/nodes', '/api/v1/pods'];
  const collections = new Map(paths.map((path) => [path, none]));
  const standIn = new StandIn(
    collections.set(POLICIES, { length: 1, at: () => object() }),
    new Map([['/apis', () => ({ groups: [] })]]),
  );
  let syncs = 0;
  let verdicts = 0;
  const { policies } = plane;
  const kubernetes = new Kubernetes({
    client: standIn.client,
    node: 'node-1',
    policies: {
      sync: (...all) => {
        syncs++;
        return policies.sync(...all);
      },
      apply: (...all) => policies.apply(...all),
      delete: (...all) => policies.delete(...all),
      list: () => policies.list(),
      get: (named) => policies.get(named),
      readDocument: (document) => policies.readDocument(document),
      syncAnnotatedPostures: (postures) => policies.syncAnnotatedPostures(postures),
      annotatedPostures: () => policies.annotatedPostures(),
      setHostLabels: (labels) => policies.setHostLabels(labels),
    },
    pods: new Pods(() => undefined),
    logger: new RecordingLogger(),
    onPods: () => undefined,
    onStatus: () => undefined,
    onVerdicts: () => verdicts++,
  });
  kubernetes.start();
  context.after(() => kubernetes.stop());
  const known = () => kubernetes.verdicts[0]?.read.object as ReturnType<typeof object> | undefined;
  return { plane, standIn, kubernetes, known, syncs: () => syncs, verdicts: () => verdicts };
}

test('writing a status does not apply policies again, and the written status is known', async (context) => {
  const { standIn, known, syncs, verdicts, plane } = follow(context);
  await eventually(() => known()?.status.nodes === 0);
  // Lists after that of the policies may also cause an application.
  await sleep(200);
  const [before, reported] = [syncs(), verdicts()];
  standIn.send(POLICIES, 'MODIFIED', object({ nodes: 7 }));
  await eventually(() => known()?.status.nodes === 7);
  assert.deepEqual([syncs(), verdicts()], [before, reported]);
  standIn.send(POLICIES, 'MODIFIED', object({ generation: 2, path: '/etc/gshadow' }));
  await eventually(() => known()?.metadata.generation === 2);
  assert.ok(syncs() > before && verdicts() > reported);
  const [policy] = plane.policies.list();
  assert.deepEqual(policy?.rules[0]?.class, 'file');
});

test('a policy that was deleted locally is applied again with the next status', async (context) => {
  const { standIn, known, plane } = follow(context);
  await eventually(() => known() !== undefined);
  const [policy] = plane.policies.list();
  await plane.policies.delete(policy!, 0);
  standIn.send(POLICIES, 'MODIFIED', object({ nodes: 7 }));
  await eventually(() => plane.policies.list().length === 1);
});

test('warnings about the containers of this node alone are not in the status of a policy', async (context) => {
  const { kubernetes, known } = follow(context);
  await eventually(() => known() !== undefined);
  assert.deepEqual(kubernetes.verdicts[0]?.warnings, []);
});
