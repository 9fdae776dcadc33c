import type fc from 'fast-check';
import { type RuleSet, resolveRules } from '../../src/policy/rule-set.js';
import { randomDecisions } from './random-decisions.js';

/** A random set of rules of every kind. */
export const randomRuleSet: fc.Arbitrary<RuleSet> = randomDecisions(1).map(({ bound, postures }) =>
  resolveRules(bound, postures),
);
