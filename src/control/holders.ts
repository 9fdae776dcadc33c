import { DEFAULT_POSTURE, isOfPolicy, type RuleDescription } from '../events/rule-description.js';
import type { Policy } from '../policy/model.js';
import { inTimeSlices } from '../time-slices.js';
import type { Findings, Holder } from './findings.js';
import type { InForce } from './in-force.js';
import type { PolicyChange } from './policy-plan.js';

/** At most this many holders are named for all of a change. */
const NAMED_MAX = 50;

/** Who holds what; for an io_uring ring, whose files cannot be seen, nothing more is known. */
export interface NamedHolder {
  readonly containerId: string;
  readonly kind: Holder['kind'] | 'ring';
  /** As the host numbers it; 0 for a ring. */
  readonly pid: number;
  readonly program: string;
  readonly path: string;
}

export interface HeldByContainers {
  readonly named: readonly NamedHolder[];
  /** How many there are beside these. */
  readonly omitted: number;
}

/** Adds to policies that were created or changed who holds, from before, what they refuse. */
export async function withHolders(
  changes: readonly PolicyChange[],
  inForce: Pick<InForce, 'findingsOf' | 'holders'>,
): Promise<PolicyChange[]> {
  const reported: PolicyChange[] = [];
  const problem = inForce.holders?.problem;
  for await (const change of inTimeSlices(changes)) {
    const { kind, policy } = change;
    if ((kind !== 'created' && kind !== 'updated') || policy.heldDescriptors === 'leave') reported.push(change);
    else if (problem !== undefined) reported.push({ ...change, warnings: [...change.warnings, problem] });
    else reported.push({ ...change, held: heldOf(change, inForce) });
  }
  return reported;
}

function heldOf({ policy, containerIds }: PolicyChange, inForce: Pick<InForce, 'findingsOf'>): HeldByContainers {
  const named: NamedHolder[] = [];
  let all = 0;
  const decidesFiles = policy.rules.some((rule) => rule.class === 'file' || rule.class === 'process');
  for (const containerId of decidesFiles ? containerIds : []) {
    const findings = inForce.findingsOf(containerId);
    if (findings === undefined) continue;
    const holders = holdersBy(policy, findings);
    all += holders.length + omittedOf(findings);
    for (const holder of holders.slice(0, NAMED_MAX - named.length)) named.push({ containerId, ...holder });
  }
  return { named, omitted: all - named.length };
}

/** Those that a rule of the policy refuses, or that no rule of any policy names. */
function holdersBy(policy: Policy, { descriptors, mappings, hasRing }: Findings): Omit<NamedHolder, 'containerId'>[] {
  const named = [...descriptors.named, ...mappings.named]
    .filter(({ by }) => isOf(policy, by))
    .map(({ kind, pid, program, path }) => ({ kind, pid, program, path }));
  return hasRing ? [{ kind: 'ring', pid: 0, program: '', path: '' }, ...named] : named;
}

function isOf(policy: Policy, by: RuleDescription | undefined): boolean {
  if (by === undefined || (by.policyNamespace === '' && by.policy === DEFAULT_POSTURE)) return true;
  return isOfPolicy(by, policy);
}

function omittedOf({ descriptors, mappings }: Findings): number {
  return descriptors.count - descriptors.named.length + mappings.count - mappings.named.length;
}
