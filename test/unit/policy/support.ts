import { Failure } from '../../../src/failure.js';
import type { BoundRule, Policy, Rule } from '../../../src/policy/model.js';
import type { ReadOptions } from '../../../src/policy/value-checks.js';

/** Without a time, so that no policy has expired. */
export const options: ReadOptions = {};

/** A rule with the given fields, for a policy with this rule alone. */
export function makeRule(rule: Partial<Rule> = {}): Rule {
  return {
    id: 'file.matchPaths[0]',
    class: 'file',
    match: { kind: 'exact', path: '/etc/shadow' },
    sources: [],
    action: 'Block',
    readOnly: false,
    ownerOnly: false,
    severity: 1,
    tags: [],
    message: '',
    ...rule,
  };
}

export function makePolicy(policy: Partial<Policy> = {}): Policy {
  return { name: 'sample', namespace: 'default', matchLabels: { app: 'web' }, rules: [makeRule()], ...policy };
}

export function bind(rule: Partial<Rule>, policy: Partial<Policy> = {}): BoundRule {
  return { policy: makePolicy(policy), rule: makeRule(rule) };
}

/** The lines of the message of the Failure that `act` throws. */
export function refusalOf(act: () => unknown): string[] {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === 'invalid-argument') return thrown.message.split('\n');
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
