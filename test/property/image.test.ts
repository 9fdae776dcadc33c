import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import { classifyProgram, decide } from '../../src/image/walk.js';
import { OPERATIONS, OWNERSHIPS } from '../../src/policy/effect.js';
import type { RuleSet } from '../../src/policy/rule-set.js';
import { matchingRules, referenceDecision } from '../support/reference-matcher.js';
import { randomPaths, randomProgram, randomRuleSet } from './image-rule-sets.js';

const RUNS = Number(process.env.HAUBERK_RUNS ?? 6000);
const CELLS = OPERATIONS.flatMap((operation) => OWNERSHIPS.map((ownership) => ({ operation, ownership })));

const accesses = randomRuleSet.chain((ruleSet) =>
  fc.record({
    ruleSet: fc.constant(ruleSet),
    paths: randomPaths(ruleSet),
    programs: fc.array(randomProgram, { minLength: 1, maxLength: 3 }),
  }),
);

test('an image decides every access as its rules do when they are asked one by one', () => {
  fc.assert(
    fc.property(accesses, ({ ruleSet, paths, programs }) => {
      const { words, rules } = compileImage(ruleSet);
      const classes = new Map(programs.map((program) => [program, classifyProgram(words, Buffer.from(program))]));
      for (const path of paths) {
        const matching = matchingRules(ruleSet, path);
        for (const [program, programClass] of classes) {
          for (const { operation, ownership } of CELLS) {
            const decision = decide(words, path, programClass, operation, ownership);
            const expected = referenceDecision(ruleSet, matching, { program, operation, ownership });
            if (decision.action === expected.action && decision.rule === expected.rule) continue;
            const access = `${ownership} ${operation} ${JSON.stringify(path.toString('latin1'))} by ${program}`;
            assert.deepEqual(decision, expected, access);
          }
        }
      }
      assert.deepEqual(rules.slice(0, ruleSet.rules.length), ruleSet.rules);
    }),
    { numRuns: RUNS },
  );
});

test('rule sets that are equal make images that are equal', () => {
  fc.assert(
    fc.property(randomRuleSet, (ruleSet) => {
      const copy: RuleSet = structuredClone(ruleSet);
      assert.deepEqual(compileImage(copy).words, compileImage(ruleSet).words);
    }),
    { numRuns: Math.ceil(RUNS / 10) },
  );
});
