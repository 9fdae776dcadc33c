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

/** A policy whose severity is the share of the limit that it takes. */
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

test('policies are added in order if they fit with those before, in a limited number of attempts', async () => {
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
      // 24 one by one, and a search among the rest.
      assert.ok(attempts <= 24 + Math.ceil(Math.log2(policies.length + 1)));
      assert.ok(fit.made <= ROOM);
      if (attempts < 24) assert.deepEqual(fit.leftOut, expected.map(policyKey));
      const before = attempts;
      assert.deepEqual((await fitting.fit(policies, without(policies), compile)).leftOut, fit.leftOut);
      assert.equal(attempts, before);
    }),
  );
});

test('policies without wildcards are kept however many do not fit together, wherever these stand in the order', async () => {
  const clashing = (number: number): Policy => {
    const { rules, ...policy } = policyOf(number, 6);
    const match = { kind: 'pattern', pattern: '/**a????' } as const;
    return { ...policy, rules: rules.map((rule) => ({ ...rule, match })) };
  };
  const harmless = (number: number): Policy => policyOf(number, 0.01);
  for (const order of [
    (index: number) => index % 2 === 0,
    (index: number) => index < 30,
    (index: number) => index >= 30,
    (index: number) => index < 15 || index >= 45,
  ]) {
    const policies = Array.from({ length: 60 }, (_, index) => (order(index) ? clashing(index) : harmless(index)));
    const { leftOut, made } = await new Fitting(attemptBy(compile)).fit(policies, without(policies), compile);
    const first = policies.find(({ rules }) => rules[0]!.match.kind === 'pattern')!;
    const expected = policies.filter((policy) => policy !== first && policy.rules[0]!.match.kind === 'pattern');
    assert.deepEqual([leftOut, made.toFixed(2)], [expected.map(policyKey), '6.30']);
  }
});

test('a client with too many waiting jobs is refused, and no policy is left out for that reason', async () => {
  const fitting = new Fitting(attemptBy(compile));
  const policies = [policyOf(1, 4), policyOf(2, 4)];
  const busy = async (): Promise<number> => {
    throw new TooManyJobs('resource-exhausted', 'come again');
  };
  await assert.rejects(fitting.fit(policies, without(policies), busy, attemptBy(busy)), /come again/);
  assert.deepEqual((await fitting.fit(policies, without(policies), compile)).leftOut, []);
});

/** Two policies that do not fit together. */
const crowded = (number: number) => [policyOf(number, 6), policyOf(number + 1000, 7)];

test('for the last 256 rule sets that were too large the policies that were left out are remembered', async () => {
  let attempts = 0;
  const attempt = attemptBy(compile);
  const fitting = new Fitting((ruleSet) => {
    attempts++;
    return attempt(ruleSet);
  });
  const fit = async (number: number) => {
    const before = attempts;
    const { leftOut } = await fitting.fit(crowded(number), without(crowded(number)), compile);
    assert.equal(leftOut.length, 1);
    return attempts - before;
  };
  for (let number = 0; number < 256; number++) assert.ok((await fit(number)) > 0);
  assert.equal(await fit(0), 0, 'a new use makes it the most recent');
  assert.ok((await fit(300)) > 0);
  assert.equal(await fit(0), 0);
  assert.equal(await fit(2), 0);
  assert.ok((await fit(1)) > 0, 'the least recently used is forgotten');
});

test('policies are ordered by priority, then by whether they block, then by name', async () => {
  const weighed = async (one: Partial<Policy>, other: Partial<Policy>) => {
    const policies = [
      { ...policyOf(1, 6), ...one },
      { ...policyOf(2, 6), ...other },
    ];
    const { leftOut } = await new Fitting(attemptBy(compile)).fit(policies, without(policies), compile);
    return leftOut;
  };
  const allowing = (number: number) => policyOf(number, 6).rules.map((rule) => ({ ...rule, action: 'Allow' as const }));
  assert.deepEqual(await weighed({}, {}), ['default/002']);
  assert.deepEqual(await weighed({}, { priority: 1 }), ['default/001']);
  assert.deepEqual(await weighed({ priority: 2 }, { priority: 1 }), ['default/002']);
  assert.deepEqual(await weighed({ priority: -1 }, {}), ['default/001']);
  assert.deepEqual(await weighed({ mode: 'audit' }, {}), ['default/001']);
  assert.deepEqual(await weighed({ rules: allowing(1) }, {}), ['default/001']);
  assert.deepEqual(await weighed({ rules: allowing(1), priority: 1 }, {}), ['default/002']);
  assert.deepEqual(await weighed({ name: '003' }, {}), ['default/003']);
});

test('a failure for another reason than size leaves no policy out', async () => {
  const failure = new Failure('internal', 'broken');
  const broken = async (): Promise<number> => {
    throw failure;
  };
  const policies = crowded(1);
  await assert.rejects(new Fitting(attemptBy(compile)).fit(policies, without(policies), broken), failure);
  await assert.rejects(new Fitting(attemptBy(broken)).fit(policies, without(policies), compile), failure);
  await assert.rejects(attemptBy(async () => assert.fail('no Failure'))(without(policies)(new Set()) as RuleSet));
});
