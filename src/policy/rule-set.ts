import type { BoundRule, Posture, Postures, RuleClass } from './model.js';
import { RULE_CLASSES } from './model.js';
import { compareRules } from './order.js';

/** Everything that is decided for one container: its rules in the total order, and the postures in force. */
export interface RuleSet {
  readonly rules: readonly BoundRule[];
  /** A class is present only when an Allow rule of it reaches the container. */
  readonly postures: Readonly<Partial<Record<RuleClass, Posture>>>;
}

/** Puts the rules of every policy that reaches a container into one decided set. */
export function resolveRules(bound: readonly BoundRule[], postures: Postures): RuleSet {
  const inForce: Partial<Record<RuleClass, Posture>> = {};
  for (const ruleClass of RULE_CLASSES) {
    if (bound.some(({ rule }) => rule.class === ruleClass && rule.action === 'Allow')) {
      inForce[ruleClass] = postures[ruleClass];
    }
  }
  return { rules: [...bound].sort(compareRules), postures: inForce };
}
