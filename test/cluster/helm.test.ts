import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHART, helm, objectsIn, rendered } from '../support/helm-chart.js';

test('the Helm chart is valid, and renders the same as the plain manifests', () => {
  const plain = (...names: readonly string[]) =>
    objectsIn(names.map((name) => readFileSync(`packaging/kubernetes/${name}`, 'utf8')).join('---\n'));
  assert.match(helm('lint', '--strict', CHART), /0 chart\(s\) failed/);
  const all = 'createNamespace=true';
  assert.deepEqual(objectsIn(rendered(all)), plain('rbac.yaml', 'daemonset.yaml'));
  const { 'Namespace /hauberk': _, ...others } = plain('rbac.yaml', 'daemonset.yaml');
  assert.deepEqual(objectsIn(rendered()), others);
  for (const state of ['install', 'uninstall']) {
    const objects = plain('rbac.yaml', 'daemonset.yaml', `hook-${state}.yaml`);
    assert.deepEqual(objectsIn(rendered(all, `hook.state="${state}"`)), objects);
  }
  const monitored = objectsIn(rendered('metrics={"port":9464,"podMonitor":true}'));
  assert.deepEqual(monitored['PodMonitor hauberk/hauberkd'], Object.values(plain('podmonitor.yaml'))[0]);
  assert.throws(() => rendered('hook.whenUnanswered="maybe"'));
});
