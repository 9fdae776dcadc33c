import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { boundRules } from './arbitrary.js';
import { bind } from './support.js';

const postures = { process: 'block', file: 'audit', network: 'block', capabilities: 'audit' } as const;

test('no posture is in force without an Allow rule', () => {
  assert.deepEqual(resolveRules([], postures), { rules: [], postures: {} });
  assert.deepEqual(resolveRules([bind({ action: 'Block' }), bind({ action: 'Audit' })], postures).postures, {});
});

test('an Allow rule brings the posture of its own class into force', () => {
  const file = bind({ class: 'file', action: 'Allow' });
  const process = bind({ class: 'process', action: 'Allow' });
  assert.deepEqual(resolveRules([file], postures).postures, { file: 'audit' });
  assert.deepEqual(resolveRules([process], postures).postures, { process: 'block' });
  const network = bind({ class: 'network', action: 'Allow', match: { kind: 'protocol', protocol: 'tcp' } });
  assert.deepEqual(resolveRules([file, process, network], postures).postures, {
    process: 'block',
    file: 'audit',
    network: 'block',
  });
});

test('the input is left as it is', () => {
  const bound = [bind({ action: 'Allow' }), bind({ action: 'Block' })];
  const before = [...bound];
  resolveRules(bound, postures);
  assert.deepEqual(bound, before);
});

test('the order of arrival never matters', () => {
  const oneOfEachName = fc.uniqueArray(boundRules, {
    selector: ({ policy, rule }) => `${policy.namespace}/${policy.name}/${rule.id}`,
  });
  const shuffled = oneOfEachName.chain((bound) =>
    fc.tuple(fc.constant(bound), fc.shuffledSubarray(bound, { minLength: bound.length })),
  );
  fc.assert(
    fc.property(shuffled, ([bound, other]) => {
      assert.deepEqual(resolveRules(bound, postures), resolveRules(other, postures));
    }),
  );
});
