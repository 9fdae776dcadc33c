import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BoundRule } from '../../../src/policy/model.js';
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
  const inForce = (...bound: BoundRule[]) => resolveRules(bound, postures).postures;
  const { write, map, execute } = inForce(file);
  assert.deepEqual([write, map, execute], ['audit', undefined, undefined]);
  assert.deepEqual(inForce(process), { execute: 'block' });
  const network = bind({ class: 'network', action: 'Allow', match: { kind: 'protocol', protocol: 'tcp' } });
  const all = inForce(file, process, network);
  assert.deepEqual([all.execute, all.read, all.communicate, all.use], ['block', 'audit', 'block', undefined]);
  const mapping = bind({ class: 'file', action: 'Allow', operations: ['map'] });
  assert.equal(inForce(mapping).map, 'audit');
});

test('an Allow rule of a policy in audit mode brings its posture into force for what would be only', () => {
  const audited = { policy: { ...bind({}).policy, mode: 'audit' }, rule: bind({ action: 'Allow' }).rule } as const;
  const { postures: inForce, permissivePostures } = resolveRules([audited], postures);
  assert.deepEqual([inForce.read, permissivePostures?.read], [undefined, 'audit']);
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
