import type { BoundRule, Policy } from './model.js';

/** How a pod's annotation may override all policies that reach it: they only report, or they decide nothing. */
export const OVERRIDE_MODES = ['audited', 'disabled'] as const;
export type OverrideMode = (typeof OVERRIDE_MODES)[number];

const audited = new WeakMap<Policy, Policy>();

/** The rules that decide for a container under such an override. */
export function overridden(bound: readonly BoundRule[], mode: OverrideMode | undefined): readonly BoundRule[] {
  if (mode === undefined) return bound;
  if (mode === 'disabled') return [];
  return bound.map(({ policy, rule }) => ({ policy: inAuditMode(policy), rule }));
}

/** Always the same object for a policy, since rule sets are compared by identity. */
function inAuditMode(policy: Policy): Policy {
  if (policy.mode === 'audit') return policy;
  const made = audited.get(policy) ?? { ...policy, mode: 'audit' as const };
  audited.set(policy, made);
  return made;
}
