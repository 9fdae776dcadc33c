import { Action, Mode, type Policy, Scope } from '../../src/generated/hauberk/v1/policy.js';
import { makePolicy, makeRule } from './policy-messages.js';

/** Policies of one rule each, every one for containers of its own. */
export function plainPolicies(count: number): Policy[] {
  return Array.from({ length: count }, (_, number) =>
    makePolicy({
      name: `policy-${number}`,
      namespace: 'default',
      selector: { matchLabels: { pod: `web-${number}` }, matchExpressions: [] },
      rules: [makeRule({ match: { $case: 'path', value: `/srv/${number}/secret` }, action: Action.BLOCK })],
      scope: Scope.NAMESPACE,
      mode: Mode.ENFORCE,
    }),
  );
}
