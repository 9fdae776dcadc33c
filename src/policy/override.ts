import type { BoundRule, Policy } from './model.js';

/** What somebody may ask of all policies that reach a container: that they only report, or that they decide nothing. */
export const OVERRIDE_MODES = ['audited', 'disabled'] as const;
export type OverrideMode = (typeof OVERRIDE_MODES)[number];

const audited = new WeakMap<Policy, Policy>();

/** The rules that decide for a container where somebody has asked for that. */
export function overridden(bound: readonly BoundRule[], mode: OverrideMode | undefined): readonly BoundRule[] {
  if (mode === undefined) return bound;
  if (mode === 'disabled') return [];
  return bound.map(({ policy, rule }) => ({ policy: inAuditMode(policy), rule }));
}

/** One and the same for a policy, as rule sets are distinguished by it. */
function inAuditMode(policy: Policy): Policy {
  if (policy.mode === 'audit') return policy;
  const made = audited.get(policy) ?? { ...policy, mode: 'audit' as const };
  audited.set(policy, made);
  return made;
}
