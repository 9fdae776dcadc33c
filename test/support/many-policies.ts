import { AccessClass, Action, Mode, type Policy, Scope } from '../../src/generated/hauberk/v1/policy.js';

/** Policies of one rule each, every one for containers of its own. */
export function plainPolicies(count: number): Policy[] {
  return Array.from({ length: count }, (_, number) => ({
    name: `policy-${number}`,
    namespace: 'default',
    selector: { matchLabels: { pod: `web-${number}` }, matchExpressions: [] },
    rules: [
      {
        id: '',
        class: AccessClass.FILE,
        match: { $case: 'path', value: `/srv/${number}/secret` },
        fromSource: [],
        action: Action.BLOCK,
        readOnly: false,
        ownerOnly: false,
        severity: 0,
        tags: [],
        message: '',
        operations: [],
        allowedArguments: undefined,
        terminal: false,
      },
    ],
    resourceVersion: 0n,
    scope: Scope.NAMESPACE,
    priority: 0,
    mode: Mode.ENFORCE,
    expires: undefined,
    guardsOff: false,
    message: '',
    tags: [],
    rulesLeftOut: false,
  }));
}
