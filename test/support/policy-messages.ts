import { AccessClass, Action, Mode, type Policy, type Rule, Scope } from '../../src/generated/hauberk/v1/policy.js';

/** A rule as a client sends it, with the fields of `rule` and otherwise only a path. */
export function makeRule(rule: Partial<Rule> = {}): Rule {
  return {
    id: '',
    class: AccessClass.FILE,
    match: { $case: 'path', value: '/etc/shadow' },
    fromSource: [],
    action: Action.UNSPECIFIED,
    readOnly: false,
    ownerOnly: false,
    severity: 0,
    tags: [],
    message: '',
    operations: [],
    allowedArguments: undefined,
    terminal: false,
    except: [],
    ...rule,
  };
}

/** A policy as a client sends it, with one rule unless `policy` says otherwise. */
export function makePolicy(policy: Partial<Policy> = {}): Policy {
  return {
    name: 'typed',
    namespace: '',
    selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
    rules: [makeRule()],
    resourceVersion: 0n,
    scope: Scope.UNSPECIFIED,
    priority: 0,
    message: '',
    tags: [],
    rulesLeftOut: false,
    mode: Mode.UNSPECIFIED,
    guardsOff: false,
    loaderLibraries: [],
    expires: undefined,
    ...policy,
  };
}
