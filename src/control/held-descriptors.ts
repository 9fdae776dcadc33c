import { isOfPolicy, type RuleDescription } from '../events/rule-description.js';
import type { Holding } from '../kernel/holdings.js';
import type { Policy } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';

/**
 * Whether policies ask that what is held from before stays usable: the policy of the rule that refuses it or, where no
 * rule does, every one with rules for files. What a ring holds is not known, so one such policy is enough for it.
 *
 * @param by what refuses it
 */
export function leavesAlone({ rules }: RuleSet, kind: Holding['kind'], by: RuleDescription | undefined): boolean {
  const policies = new Set(rules.filter(({ rule }) => rule.class === 'file').map(({ policy }) => policy));
  const leaves = ({ heldDescriptors }: Policy) => heldDescriptors === 'leave';
  if (kind === 'ring') return [...policies].some(leaves);
  const named = [...policies].filter((policy) => isOfPolicy(by, policy));
  const chosen = named.length > 0 ? named : [...policies];
  return chosen.length > 0 && chosen.every(leaves);
}
