import type { Policy, Rule } from '../policy/model.js';
import { compileImage } from './compile.js';
import { decide } from './walk.js';

/**
 * Asks whether a text matches a pattern of the policy language. By the same automaton as in the kernel: the time is
 * linear in the text, whatever the pattern.
 *
 * @throws Failure invalid-argument or resource-exhausted, as compileImage does
 */
export function patternMatcher(pattern: string): (text: string) => boolean {
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
  const { words } = compileImage({ rules: [{ policy, rule }], postures: {} });
  return (text) => decide(words, Buffer.from(text), { programClass: 0 }, 'read', 'owner').rule !== undefined;
}
