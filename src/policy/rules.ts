import { SECTIONS } from './kinds/kinds.js';
import { RULE_CLASSES, type Rule } from './model.js';
import type { PolicySpecification } from './policy-document.js';

/** The rules of a valid specification, in the order of its sections and lists. */
export function toRules(spec: PolicySpecification): Rule[] {
  return RULE_CLASSES.flatMap((ruleClass) => SECTIONS[ruleClass].read(spec));
}
