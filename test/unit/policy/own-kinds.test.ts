import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { foreignKindOf } from '../../../src/policy/validate.js';

function manifest(apiVersion: string, kind: string, scope: 'namespaced' | 'cluster', selector = 'selector'): string {
  return `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: web${scope === 'namespaced' ? ', namespace: shop' : ''}}
spec:
  ${selector}: {matchLabels: {app: web}}
  file: {matchPaths: [{path: /etc/shadow}]}
  action: Block
`;
}

const policyOf = (text: string) => readManifest(text)[0]!.policy;

test("a policy of Hauberk's kinds means the same as one of the corresponding KubeArmor kind", () => {
  for (const [own, like, scope, selector] of [
    ['SecurityPolicy', 'KubeArmorPolicy', 'namespaced', 'selector'],
    ['ClusterSecurityPolicy', 'KubeArmorClusterPolicy', 'cluster', 'selector'],
    ['HostSecurityPolicy', 'KubeArmorHostPolicy', 'cluster', 'nodeSelector'],
  ] as const) {
    assert.deepEqual(
      policyOf(manifest('hauberk.io/v1alpha1', own, scope, selector)),
      policyOf(manifest('security.kubearmor.com/v1', like, scope, selector)),
    );
  }
});

test('a kind of the other group, or an unknown version, is refused with the valid choices', () => {
  const refused = (apiVersion: string, kind: string) => {
    try {
      readManifest(manifest(apiVersion, kind, 'namespaced'));
    } catch (error) {
      return (error as Failure).problems.map(({ field, description }) => `${field}: ${description}`);
    }
    return [];
  };
  assert.match(refused('hauberk.io/v1alpha1', 'KubeArmorPolicy').join(), /^kind: must be one of `SecurityPolicy`/);
  assert.match(
    refused('security.kubearmor.com/v1', 'SecurityPolicy').join(),
    /^kind: must be one of `KubeArmorPolicy`/,
  );
  assert.match(refused('hauberk.io/v2', 'SecurityPolicy').join(), /^apiVersion: must be `hauberk\.io\/v1alpha1`/);
  assert.match(refused('hauberk.io/v1alpha1', 'SecurtyPolicy').join(), /did you mean `SecurityPolicy`/);
});

test('an error is reported by the field as written', () => {
  const text = manifest('hauberk.io/v1alpha1', 'SecurityPolicy', 'namespaced').replace('/etc/shadow', 'etc/shadow');
  assert.throws(
    () => readManifest(text),
    (error) => error instanceof Failure && error.problems[0]?.field === 'spec.file.matchPaths[0].path',
  );
});

test("status is ignored, and no object of Hauberk's group is skipped as foreign", () => {
  const text = `${manifest('hauberk.io/v1alpha1', 'SecurityPolicy', 'namespaced')}status: {nodes: 3}\n`;
  assert.equal(policyOf(text).name, 'web');
  assert.equal(foreignKindOf({ apiVersion: 'hauberk.io/v1alpha1', kind: 'Other' }), undefined);
  assert.equal(foreignKindOf({ apiVersion: 'apps/v1', kind: 'Deployment' }), 'apps/v1 Deployment');
});
