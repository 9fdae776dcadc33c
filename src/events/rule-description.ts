import type { DecidingRule } from '../image/image.js';
import { originOf, type Policy, type PolicyOrigin, type Rule, type RuleClass } from '../policy/model.js';

/** What an event says about the rule that decided. It is kept with an image's id, also across restarts. */
export interface RuleDescription {
  readonly policy: string;
  readonly policyNamespace: string;
  /** The origin of the policy; left out for postures, and in older stored records. */
  readonly policyOrigin?: PolicyOrigin;
  readonly rule: string;
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
  readonly class: RuleClass;
  /** Its policy is in audit mode, and without that it would refuse. */
  readonly wouldBlock?: boolean;
  /** It allows the owner of a file, and stops others. */
  readonly allowsOwners?: true;
  /** If somebody else than the owner was stopped: the rule that allows the owner, with its policy. */
  readonly ownerRule?: string;
}

/** The policy named for an access that no rule names, once the class has an Allow rule. */
export const DEFAULT_POSTURE = 'DefaultPosture';
/** The policy named for an access that was refused because its path could not be determined. */
export const FAIL_CLOSED = 'FailClosed';
/** The policy named for an access that was refused because the object is Hauberk's own. */
export const SELF_PROTECTION = 'SelfProtection';

/** Whether a rule belongs to that policy. */
export function isOfPolicy(by: RuleDescription | undefined, policy: Policy): boolean {
  if (by?.policy !== policy.name || by.policyNamespace !== policy.namespace) return false;
  return by.policyOrigin === undefined || by.policyOrigin === originOf(policy);
}

export function describeRule(deciding: DecidingRule): RuleDescription {
  if ('posture' in deciding) {
    return {
      policy: DEFAULT_POSTURE,
      policyNamespace: '',
      rule: deciding.class,
      severity: 1,
      tags: [],
      message: `no rule of class ${deciding.class} allows this`,
      class: deciding.class,
      ...(deciding.mode === 'audit' && deciding.posture === 'block' && { wouldBlock: true }),
    };
  }
  const { policy, rule } = deciding;
  return {
    policy: policy.name,
    policyNamespace: policy.namespace,
    policyOrigin: originOf(policy),
    rule: rule.id,
    severity: rule.severity,
    tags: rule.tags,
    message: rule.message,
    class: rule.class,
    ...(policy.mode === 'audit' && (rule.action === 'Block' || isExclusive(rule)) && { wouldBlock: true }),
    ...(rule.action === 'Allow' && rule.ownerOnly && { allowsOwners: true }),
  };
}

/** Whether an Allow rule stops those it does not let through. */
function isExclusive({ action, ownerOnly, arguments: allowed }: Rule): boolean {
  return action === 'Allow' && (ownerOnly || allowed !== undefined);
}
