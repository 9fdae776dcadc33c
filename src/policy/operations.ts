import type { RuleOperations } from './kinds/parts.js';
import { SECTIONS } from './kinds/sections.js';
import type { Rule } from './model.js';

/** What must be asked about for the rule to hold. */
export function operationsOf(rule: Rule): readonly RuleOperations[] {
  return SECTIONS[rule.class].operations(rule);
}
