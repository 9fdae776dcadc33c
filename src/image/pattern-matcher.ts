import type { Policy, Rule } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { Image } from './image.js';
import { decide } from './walk.js';

/**
 * Whether a text matches a pattern of the policy language, by the same automaton as in the kernel: the time is linear
 * in the text, whatever the pattern.
 *
 * @param compile like compileImage, in this thread or another: a short pattern may take seconds
 * @throws Failure invalid-argument or resource-exhausted, as compileImage does
 */
export async function patternMatcher(
  pattern: string,
  compile: (ruleSet: RuleSet) => Promise<Image>,
): Promise<(text: string) => boolean> {
  const rule: Rule = {
    id: 'pattern',
    class: 'file',
    match: { kind: 'pattern', pattern },
    sources: [],
    action: 'Audit',
    readOnly: false,
    ownerOnly: false,
    severity: 1,
    tags: [],
    message: '',
  };
  const policy: Policy = { name: '', namespace: '', matchLabels: {}, rules: [rule] };
  const { words } = await compile({ rules: [{ policy, rule }], postures: {} });
  return (text) => decide(words, Buffer.from(text), { programClass: 0 }, 'read', 'owner').rule !== undefined;
}
