import { Reviewer } from '../explain/review.js';
import { type BoundRule, type Postures, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finish, type Steps } from '../steps.js';

/** @param decided the places in the rule set of the rules that decide anything */
export function reviewerOf(ruleSet: RuleSet, decided: ReadonlySet<number>, postures: Postures): Reviewer {
  return finish(reviewerInSteps(ruleSet, decided, postures));
}

/** The same, so that other work can run between its steps. */
export function* reviewerInSteps(ruleSet: RuleSet, decided: ReadonlySet<number>, postures: Postures): Steps<Reviewer> {
  // If links have doubled a rule, one of the two is enough.
  const deciding = new Set([...decided].map((number) => keyOfRule(ruleSet.rules[number])));
  yield;
  return yield* Reviewer.inSteps(ruleSet.rules, postures, (bound) => deciding.has(keyOfRule(bound)));
}

/** Names a rule of a policy; a rule doubled by links has the same name as its twin. */
function keyOfRule(bound: BoundRule | undefined): string {
  return bound === undefined ? '' : `${policyKey(bound.policy)} ${bound.rule.id}`;
}
