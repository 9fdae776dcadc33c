import { SECTIONS } from './kinds/kinds.js';
import type { RuleOperations } from './kinds/parts.js';
import type { Rule } from './model.js';

/** Which accesses must reach a hook for the rule to hold. */
export function operationsOf(rule: Rule): readonly RuleOperations[] {
  return SECTIONS[rule.class].operations(rule);
}
