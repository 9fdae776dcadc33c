import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import type { Image } from '../../src/image/image.js';
import { allowsArguments, classifyProgram, decide } from '../../src/image/walk.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { objectKey } from '../support/object-key.js';
import { assertAgreement, type Decider } from './agreement.js';
import { randomDecisions } from './random-decisions.js';
import { decisionRuns } from './runs.js';

const ACCESSES = 50;

function walkOf({ words }: Image): Decider {
  return {
    decide: ({ operation, object, program, parent, ownership, terminal }) =>
      decide(
        words,
        objectKey(object),
        {
          programClass: classifyProgram(words, program),
          ...(parent !== undefined && operation === 'execute' && { parentClass: classifyProgram(words, parent) }),
          terminal,
        },
        operation,
        ownership,
      ),
    allowsArguments: (rule, given) => allowsArguments(words, rule, given),
  };
}

test('an image decides every access like an evaluation of the rules one by one', () => {
  fc.assert(
    fc.property(randomDecisions(ACCESSES), (decisions) => {
      const image = compileImage(resolveRules(decisions.bound, decisions.postures));
      assertAgreement(decisions, image, walkOf(image));
    }),
    decisionRuns(ACCESSES),
  );
});

test('equal rule sets make equal images', () => {
  fc.assert(
    fc.property(randomDecisions(1), ({ bound, postures }) => {
      const ruleSet = resolveRules(bound, postures);
      assert.deepEqual(compileImage(structuredClone(ruleSet)).words, compileImage(ruleSet).words);
    }),
    decisionRuns(200),
  );
});
