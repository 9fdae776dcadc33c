import assert from 'node:assert/strict';
import { test } from 'node:test';
import { posturesFor, ruleSetInSteps } from '../../../src/control/resolution.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { finish } from '../../../src/steps.js';
import { POSTURES } from '../../support/in-memory-control-plane.js';
import { makePolicy, makeRule } from '../policy/support.js';

const desired = { policies: PolicySet.empty, postures: new Map(), profiles: new Map(), visibility: new Map() };

test('the posture of files can be set to hold for programs too', () => {
  const own = new Map([['shop', { file: 'block', process: 'audit' } as const]]);
  const apart = { postures: POSTURES };
  const together = { ...apart, filePostureForProcesses: true };
  assert.equal(posturesFor('shop', { postures: own }, apart).process, 'audit');
  assert.equal(posturesFor('shop', { postures: own }, together).process, 'block');
  assert.equal(posturesFor('other', { postures: own }, together).process, POSTURES.file);
  const policies = desired.policies.with([
    makePolicy({ namespace: 'shop', rules: [makeRule({ class: 'process', action: 'Allow' })] }),
  ]);
  const subject = { namespace: 'shop', labels: { app: 'web' }, links: {} };
  assert.equal(
    finish(ruleSetInSteps(subject, { ...desired, policies, postures: own }, together)).postures.execute,
    'block',
  );
});

test('a name in a rule also covers the name with the suffixes of the cluster, for containers of its namespace', () => {
  const rule = makeRule({ class: 'network', action: 'Allow', match: { kind: 'domain', domain: 'example.com' } });
  const policies = desired.policies.with([makePolicy({ rules: [rule] })]);
  const subject = { namespace: 'default', labels: { app: 'web' }, links: {} };
  const settings = { postures: POSTURES, clusterDomain: 'cluster.local' };
  const { rules } = finish(ruleSetInSteps(subject, { ...desired, policies }, settings));
  const names = rules.flatMap(({ rule: { match } }) =>
    match.kind === 'domain' && !match.lookup ? [match.domain] : [],
  );
  assert.deepEqual(names.sort(), [
    'example.com',
    'example.com.cluster.local',
    'example.com.default.svc.cluster.local',
    'example.com.svc.cluster.local',
  ]);
});

test('a pod that asks for no policies has none, and one that asks for audit mode has them in audit mode', () => {
  const policies = desired.policies.with([makePolicy({ rules: [makeRule({ action: 'Block' })] })]);
  const modes = (mode: 'audited' | 'disabled' | undefined) => {
    const policyOverride = mode && { mode, pod: 'web', namespace: 'default', annotation: 'x' };
    const subject = {
      namespace: 'default',
      labels: { app: 'web' },
      links: {},
      ...(policyOverride && { policyOverride }),
    };
    const { rules } = finish(ruleSetInSteps(subject as never, { ...desired, policies }, { postures: POSTURES }));
    return rules.map(({ policy }) => policy.mode);
  };
  assert.deepEqual([modes(undefined), modes('audited'), modes('disabled')], [[undefined], ['audit'], []]);
});
