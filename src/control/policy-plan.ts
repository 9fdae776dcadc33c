import type { Container } from '../containers/container.js';
import { type Policy, policyKey } from '../policy/model.js';
import { compare, type PolicySet, selects } from '../policy/policy-set.js';
import type { DesiredState } from './desired-state.js';
import type { Enforcement } from './enforcement.js';
import type { Change } from './ledger.js';

/** What became of one policy. */
export interface PolicyChange {
  readonly policy: Policy;
  readonly kind: 'created' | 'updated' | 'unchanged' | 'deleted';
  /** The revision of its last change; 0 for one that is deleted. */
  readonly resourceVersion: number;
  /** Containers it reaches or, if it is deleted, reached. */
  readonly containerIds: readonly string[];
  readonly warnings: readonly string[];
  /** Where its rules and others say different things of one access, and which comes first. */
  readonly conflicts: readonly string[];
}

/** A policy that was read and checked, but not yet compiled. */
export interface PolicyInput {
  readonly policy: Policy;
  readonly warnings: readonly string[];
}

/**
 * Works out what it takes to get from the policies there are to others.
 *
 * @throws Failure where a policy that reaches no container could be had by none
 */
export async function planPolicies(
  inputs: readonly PolicyInput[],
  current: DesiredState,
  after: PolicySet,
  revision: number,
  enforcement: Pick<Enforcement, 'host'>,
  compileAlone: (policy: Policy) => Promise<void>,
): Promise<Change<PolicyChange[]>> {
  const { added, changed, removed } = compare(current.policies, after);
  const touched = new Set([...added, ...changed, ...removed]);
  const versions = new Map(current.versions);
  for (const key of [...added, ...changed]) versions.set(key, revision);
  for (const key of removed) versions.delete(key);
  const desired = { ...current, policies: after, versions };
  const kindOf = (key: string) =>
    added.includes(key) ? 'created' : changed.includes(key) ? 'updated' : ('unchanged' as const);
  const result = [
    ...inputs.map(({ policy, warnings }): PolicyChange => {
      const containerIds = reachedBy(policy, desired, enforcement);
      const key = policyKey(policy);
      return {
        policy,
        kind: kindOf(key),
        resourceVersion: versions.get(key) ?? 0,
        containerIds,
        warnings: [...warnings, ...(containerIds.length > 0 ? [] : [unreachedWarning(policy, enforcement)])],
        conflicts: [],
      };
    }),
    ...removed.map((key): PolicyChange => {
      const policy = current.policies.get(key)!;
      const containerIds = reachedBy(policy, current, enforcement);
      return { policy, kind: 'deleted', resourceVersion: 0, containerIds, warnings: [], conflicts: [] };
    }),
  ];
  for (const { policy, kind, containerIds } of result) {
    if ((kind === 'created' || kind === 'updated') && containerIds.length === 0) await compileAlone(policy);
  }
  if (touched.size === 0) return { next: undefined, result };
  const reaches = (policies: PolicySet, container: Container) =>
    policies.reaching(container).some((policy) => touched.has(policyKey(policy)));
  const putPolicies = [...added, ...changed].map((key) => ({ policy: after.get(key)!, version: revision }));
  return {
    next: {
      desired,
      affected: (container) => reaches(current.policies, container) || reaches(after, container),
      stored: { putPolicies, deletePolicies: removed },
    },
    result,
  };
}

/** Ids of the containers, or of the host, that a policy reaches. */
export function reachedBy(
  policy: Policy,
  { containers }: Pick<DesiredState, 'containers'>,
  { host }: Pick<Enforcement, 'host'>,
): string[] {
  return [...containers.values(), ...(host === undefined ? [] : [host])]
    .filter((container) => selects(policy, container))
    .map(({ id }) => id)
    .sort();
}

function unreachedWarning({ scope }: Policy, { host }: Pick<Enforcement, 'host'>): string {
  if (scope !== 'host') return 'the selector reaches no container at present';
  return host === undefined
    ? 'policies for the host are off: hauberkd was started with --rescue'
    : 'the selector does not reach this host';
}
