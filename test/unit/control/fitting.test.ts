import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { attemptBy, Fitting, type RulesWithout } from '../../../src/control/fitting.js';
import { TooManyJobs } from '../../../src/control/work-thread.js';
import { Failure } from '../../../src/failure.js';
import { type Policy, policyKey } from '../../../src/policy/model.js';
import { type RuleSet, resolveRules } from '../../../src/policy/rule-set.js';

const ROOM = 10;
const POSTURES = { process: 'block', file: 'block', network: 'block', capabilities: 'block' } as const;

/** A policy that takes so much of the room there is: its severity. */
function policyOf(number: number, weight: number): Policy {
  const rule = {
    id: 'file.matchPaths[0]',
    class: 'file',
    match: { kind: 'exact', path: `/${number}` },
    sources: [],
    action: 'Block',
    readOnly: false,
    ownerOnly: false,
    severity: weight,
    tags: [],
    message: '',
  } as const;
  return { name: String(number).padStart(3, '0'), namespace: 'default', matchLabels: {}, rules: [rule] };
}

const weightOf = ({ rules }: RuleSet) => rules.reduce((sum, { rule }) => sum + rule.severity, 0);
const without =
  (policies: readonly Policy[]): RulesWithout =>
  (leftOut) =>
    resolveRules(
      policies
        .filter((policy) => !leftOut.has(policyKey(policy)))
        .flatMap((policy) => policy.rules.map((rule) => ({ policy, rule }))),
      POSTURES,
    );

const compile = async (ruleSet: RuleSet) => {
  if (weightOf(ruleSet) > ROOM) throw new Failure('resource-exhausted', 'too large');
  return weightOf(ruleSet);
};

test('policies are taken in their order, each that fits with those before it, in a bounded number of attempts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 }), async (weights) => {
      let attempts = 0;
      const fitting = new Fitting((ruleSet) => {
        attempts++;
        return attemptBy(compile)(ruleSet);
      });
      const policies = weights.map((weight, number) => policyOf(number, weight));
      const fit = await fitting.fit(policies, without(policies), compile);
      let taken = 0;
      const expected = policies.filter((_, number) => {
        if (taken + weights[number]! > ROOM) return true;
        taken += weights[number]!;
        return false;
      });
      assert.ok(attempts <= 24);
      assert.ok(fit.made <= ROOM);
      if (attempts < 24) assert.deepEqual(fit.leftOut, expected.map(policyKey));
      const before = attempts;
      assert.deepEqual((await fitting.fit(policies, without(policies), compile)).leftOut, fit.leftOut);
      assert.equal(attempts, before);
    }),
  );
});

test('a client that has too much waiting is told so, and nothing is left out on that account', async () => {
  const fitting = new Fitting(attemptBy(compile));
  const policies = [policyOf(1, 4), policyOf(2, 4)];
  const busy = async (): Promise<number> => {
    throw new TooManyJobs('resource-exhausted', 'come again');
  };
  await assert.rejects(fitting.fit(policies, without(policies), busy, attemptBy(busy)), /come again/);
  assert.deepEqual((await fitting.fit(policies, without(policies), compile)).leftOut, []);
});
