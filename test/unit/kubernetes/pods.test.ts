import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pods } from '../../../src/kubernetes/pods.js';
import { describeCriContainer } from '../../../src/sources/cri-containers.js';

const pod = { name: 'web-1', uid: 'u', namespace: 'shop' };
const spec = { containers: [{ name: 'main', image: 'web:2' }] };
const reported = describeCriContainer('c', 'main', { ...pod, labels: { app: 'web' } });

/** The `managedFields` of an annotation. */
function writtenBy(manager: string, time: string) {
  return { manager, time, fieldsV1: { 'f:metadata': { 'f:annotations': { 'f:kubearmor-policy': {} } } } };
}

test('a container has the current labels of its pod or, while pods are unknown, those it was registered with', () => {
  const registered = describeCriContainer('c', 'main', { ...pod, labels: { app: 'web', since: 'before' } });
  const policyOverride = { mode: 'audited', setBy: 'kubectl' } as const;
  const known = { ...registered, policyOverride, namespaces: {} as never, links: {} };
  const pods = new Pods((id) => (id === 'c' ? known : undefined));
  assert.equal(pods.describe(reported).labels.since, 'before');
  assert.deepEqual(pods.describe(reported).policyOverride, policyOverride);
  const metadata = { ...pod, labels: { app: 'other', 'kubearmor.io/container.name': 'false' } };
  assert.equal(pods.replace([{ metadata, spec }]), true);
  const { labels, image, policyOverride: override } = pods.describe(reported);
  assert.deepEqual([labels.app, labels.since, image, override], ['other', undefined, 'web:2', undefined]);
  assert.equal(labels['kubearmor.io/container.name'], 'main', 'labels of a pod cannot rename its containers');
  assert.equal(pods.replace([{ metadata: { ...metadata }, spec }]), false);
  assert.equal(pods.replace([]), true);
  assert.deepEqual(pods.describe(reported), reported);
  const named = { ...reported, image: 'from-the-runtime' };
  pods.replace([{ metadata, spec: { containers: [] } }]);
  assert.equal(pods.describe(named).image, 'from-the-runtime', 'a container that the pod does not list');
  const docker = { ...reported, origin: 'docker' as const };
  assert.equal(pods.describe(docker), docker);
});

test('the annotation of a pod takes effect with the program that wrote it last, and an invalid one is reported', () => {
  const pods = new Pods(() => undefined);
  const annotated = (value: string, ...managedFields: object[]) =>
    pods.replace([{ metadata: { ...pod, annotations: { 'kubearmor-policy': value }, managedFields }, spec }]);
  annotated(
    'audited',
    writtenBy('kubectl-annotate', '2026-01-02T00:00:00Z'),
    writtenBy('helm', '2026-01-01T00:00:00Z'),
  );
  assert.deepEqual(pods.describe(reported).policyOverride, { mode: 'audited', setBy: 'kubectl-annotate' });
  assert.deepEqual(pods.warnings(), ['pod shop/web-1 has its policies audited, set by kubectl-annotate']);
  assert.equal(annotated('disabled'), true);
  assert.deepEqual(pods.describe(reported).policyOverride, { mode: 'disabled', setBy: '' });
  assert.deepEqual(pods.warnings(), ['pod shop/web-1 has its policies disabled']);
  annotated('enabled');
  assert.deepEqual([pods.describe(reported).policyOverride, pods.warnings()], [undefined, []]);
  annotated('Disabled');
  assert.equal(pods.describe(reported).policyOverride, undefined);
  assert.deepEqual(pods.warnings(), [
    'pod shop/web-1: kubearmor-policy must be enabled, audited or disabled, is "Disabled"',
  ]);
});

test('the annotation of a pod sets the visibility of its containers, and an invalid one is reported', () => {
  const pods = new Pods(() => undefined);
  const annotated = (value: string) =>
    pods.replace([{ metadata: { ...pod, annotations: { 'kubearmor-visibility': value } }, spec }]);
  annotated('network,process');
  assert.deepEqual(pods.describe(reported).visibility, ['process', 'network']);
  assert.equal(annotated('none'), true);
  assert.deepEqual([pods.describe(reported).visibility, pods.warnings()], [[], []]);
  annotated('everything');
  assert.equal(pods.describe(reported).visibility, undefined);
  const [warning] = pods.warnings();
  assert.match(warning!, /^pod shop\/web-1: kubearmor-visibility must be none, or any of .*, is "everything"$/);
});

test('if overrides by pods are ignored, policies are enforced and the annotation is reported', () => {
  const pods = new Pods(() => undefined, 'ignore');
  const annotations = { 'kubearmor-policy': 'disabled' };
  const managedFields = [writtenBy('helm', '2026-01-01T00:00:00Z')];
  pods.replace([{ metadata: { ...pod, annotations, managedFields }, spec }]);
  assert.equal(pods.describe(reported).policyOverride, undefined);
  assert.equal(pods.overridden().size, 0);
  assert.deepEqual(pods.warnings(), [
    'pod shop/web-1 asks to have its policies disabled, set by helm, and that is ignored',
  ]);
});

test('selectors see the workload of a pod, a Deployment rather than its ReplicaSet, and labels cannot forge it', () => {
  const pods = new Pods(() => undefined);
  const owned = (kind: string, name: string, labels: Record<string, string> = {}) => {
    const ownerReferences =
      kind === ''
        ? []
        : [
            { kind: 'Other', name: 'x' },
            { kind, name, controller: true },
          ];
    pods.replace([{ metadata: { ...pod, labels, ownerReferences }, spec }]);
    const { labels: shown } = pods.describe(reported);
    return [shown['hauberk.io/owner.kind'], shown['hauberk.io/owner.name']];
  };
  assert.deepEqual(owned('ReplicaSet', 'web-5d4f', { 'pod-template-hash': '5d4f' }), ['Deployment', 'web']);
  assert.deepEqual(owned('ReplicaSet', 'own'), ['ReplicaSet', 'own']);
  assert.deepEqual(owned('DaemonSet', 'agent', { 'hauberk.io/owner.name': 'other' }), ['DaemonSet', 'agent']);
  assert.deepEqual(owned('', '', { 'hauberk.io/owner.kind': 'Deployment' }), [undefined, undefined]);
});

test('warnings about annotations of pods are limited in length and number', () => {
  const pods = new Pods(() => undefined);
  const asks = (value: string, number: number) => ({
    metadata: { ...pod, uid: `u${number}`, annotations: { 'kubearmor-policy': value } },
    spec,
  });
  pods.replace(Array.from({ length: 1000 }, (_, number) => asks('x'.repeat(100_000), number)));
  const warnings = pods.warnings();
  assert.ok(warnings.join().length < 32_768);
  assert.equal(warnings.at(-1), '900 more pods ask for something else than their policies');
});
