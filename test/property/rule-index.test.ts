import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coversObject } from '../../src/explain/match.js';
import { RuleIndex } from '../../src/explain/rule-index.js';
import { CLASS_OF_OPERATION } from '../../src/policy/effect.js';
import type { BoundRule } from '../../src/policy/model.js';
import { finish } from '../../src/steps.js';
import { randomDecisions } from './random-decisions.js';
import { decisionRuns } from './runs.js';

const ACCESSES = 50;

test('an index finds every rule that covers an access, each once and in order', () => {
  fc.assert(
    fc.property(randomDecisions(ACCESSES), ({ bound, accesses }) => {
      const index = finish(RuleIndex.inSteps(bound));
      for (const access of accesses) {
        const { operation, object } = access;
        const applies = ({ rule }: BoundRule) =>
          rule.class === CLASS_OF_OPERATION[operation] && coversObject(rule, object);
        assert.deepEqual(index.candidatesFor(access).filter(applies), bound.filter(applies));
      }
    }),
    decisionRuns(ACCESSES),
  );
});
