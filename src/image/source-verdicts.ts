import { CLASS_OF_OPERATION, OPERATIONS } from '../policy/effect.js';
import type { Action, BoundRule, RuleClass } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { RULE_NONE, SOURCE_ENTRIES, VERDICT_ACTION_SHIFT, VERDICT_ACTIONS } from './layout.js';
import type { ProgramClasses } from './program-classes.js';

/** How many words the verdicts of a class of programs as sources take, see SYMBOL_SOURCE. */
export const SOURCE_WORDS = 2 * SOURCE_ENTRIES;

/**
 * For each class of programs, in order: the verdict on others that trace such a program, by the strongest of the rules
 * that name it; what is reported when a program of the class acts without its Allow rules; and the verdict on replacing
 * its file, which a policy without guards does not restrict.
 */
export function sourceVerdicts(ruleSet: RuleSet, programs: ProgramClasses): Uint32Array {
  const words = new Uint32Array((programs.count + 1) * SOURCE_WORDS).fill(RULE_NONE);
  const strengthOf = strengths(ruleSet);
  ruleSet.rules.forEach((bound, index) => {
    if (bound.rule.sources.length === 0) return;
    const becoming = verdictOf(strengthOf(bound), index);
    for (const programClass of programs.namedByAny(Int32Array.of(index))) {
      const word = programClass * SOURCE_WORDS;
      strengthen(words, word, becoming);
      if (bound.policy.guards !== false) strengthen(words, word + 2, becoming);
      if (bound.rule.action === 'Allow' && words[word + 1] === RULE_NONE) words[word + 1] = verdictOf('Audit', index);
    }
  });
  return words;
}

function strengthen(words: Uint32Array, word: number, verdict: number): void {
  if (verdict >>> VERDICT_ACTION_SHIFT > words[word]! >>> VERDICT_ACTION_SHIFT) words[word] = verdict;
}

function verdictOf(action: Action, rule: number): number {
  return ((VERDICT_ACTIONS.indexOf(action) << VERDICT_ACTION_SHIFT) | rule) >>> 0;
}

/**
 * What another program would gain by acting as the source of a rule: it avoids what the rule refuses, or is allowed
 * what others are refused.
 */
function strengths({ rules, postures }: RuleSet): (bound: BoundRule) => Action {
  const isEnforced = ({ policy }: BoundRule) => policy.mode !== 'audit';
  const refusing = new Set<RuleClass>(
    rules.filter((bound) => isEnforced(bound) && bound.rule.action === 'Block').map(({ rule }) => rule.class),
  );
  for (const operation of OPERATIONS) if (postures[operation] === 'block') refusing.add(CLASS_OF_OPERATION[operation]);
  return (bound) => {
    if (!isEnforced(bound) || bound.rule.action === 'Audit') return 'Audit';
    return bound.rule.action === 'Block' || refusing.has(bound.rule.class) ? 'Block' : 'Audit';
  };
}
