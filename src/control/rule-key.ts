import { type BoundRule, policyKey } from '../policy/model.js';

/** Names a rule of a policy; a rule that links have doubled has the name of its twin. */
export function keyOfRule(bound: BoundRule | undefined): string {
  return bound === undefined ? '' : `${policyKey(bound.policy)} ${bound.rule.id}`;
}
