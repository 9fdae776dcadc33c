import type { Container } from '../containers/container.js';
import { append } from '../policy/append.js';
import { givenBy, isOfClient, originOf, POLICY_ORIGINS, type Policy, policyKey } from '../policy/model.js';
import { compareInSteps, PolicySet, selects } from '../policy/policy-set.js';
import { sortInSteps } from '../policy/sort-in-steps.js';
import { isStep, type Steps } from '../steps.js';
import type { StoredPolicy } from '../store/stored-state.js';
import { finishInTimeSlices, inTimeSlices, nextTimeSlice } from '../time-slices.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import { checkDrift } from './drift.js';
import type { HeldByContainers } from './holders.js';
import type { LeftOut } from './rule-sets.js';
import { Unreached } from './unreached.js';

/** What became of one policy. */
export interface PolicyChange {
  readonly policy: Policy;
  readonly kind: 'created' | 'updated' | 'unchanged' | 'deleted';
  /** The revision of its last change; 0 for one that is deleted. */
  readonly resourceVersion: number;
  /** The one it had before; 0 for one that is created. */
  readonly previousVersion: number;
  /** Containers it reaches or, if it is deleted, reached. */
  readonly containerIds: readonly string[];
  readonly warnings: readonly string[];
  /** Where its rules and other rules disagree about an access, and which comes first. */
  readonly conflicts: readonly string[];
  /** Who holds, from before, what it refuses; left out where it was not searched. */
  readonly held?: HeldByContainers;
}

/** A policy that was read and checked, but not yet compiled. */
export interface PolicyInput {
  readonly policy: Policy;
  readonly warnings: readonly string[];
  /** How a warning about a rule, by its id, begins; left out where the policy did not come as a text. */
  readonly placeOf?: (ruleId: string) => string;
}

/**
 * Works out the changes that lead from the present policies to others.
 *
 * @throws Failure where a policy that reaches no container could not be compiled for any, or see checkDrift
 */
export async function planPolicies(
  inputs: readonly PolicyInput[],
  current: DesiredState,
  after: PolicySet,
  hosts: { readonly host: Container | undefined },
  /** Compiles a policy by itself. */
  compileAlone: (policy: Policy) => Promise<unknown>,
  /** Aborted when nobody waits for it any more. */
  disconnected?: AbortSignal,
): Promise<Change<PolicyChange[]>> {
  if (inputs.length > FEW_POLICIES) await nextTimeSlice();
  const { added, changed, removed } = await finishInTimeSlices(compareInSteps(current.policies, after));
  const [isAdded, isChanged] = [new Set(added), new Set(changed)];
  const touched = new Set([...added, ...changed, ...removed]);
  const desired = { ...current, policies: after };
  const kindOf = (key: string) =>
    isAdded.has(key) ? 'created' : isChanged.has(key) ? 'updated' : ('unchanged' as const);
  const reached = await containersBy(inputs, desired, hosts, disconnected);
  const deleted = removed.map((key) => current.policies.get(key)!);
  const reachedBefore = await containersBy(
    deleted.map((policy) => ({ policy })),
    current,
    hosts,
    disconnected,
  );
  if (touched.size > FEW_POLICIES) {
    await finishInTimeSlices(current.policies.indexInSteps());
    await finishInTimeSlices(after.indexInSteps());
  }
  const unreached = new Unreached(desired, hosts);
  const result: PolicyChange[] = [];
  for await (const { policy, warnings } of inTimeSlices(inputs, disconnected)) {
    const containerIds = await reached(policy);
    const key = policyKey(policy);
    const version = current.versions.get(key) ?? 0;
    result.push({
      policy,
      kind: kindOf(key),
      resourceVersion: version,
      previousVersion: version,
      containerIds,
      warnings: [
        ...warnings,
        ...(containerIds.length > 0 ? [] : [unreached.warningFor(policy)]),
        ...namesakeWarnings(policy, after),
      ],
      conflicts: [],
    });
  }
  for await (const policy of inTimeSlices(deleted, disconnected)) {
    const containerIds = await reachedBefore(policy);
    const previousVersion = current.versions.get(policyKey(policy)) ?? 0;
    const none = { resourceVersion: 0, warnings: [], conflicts: [] };
    result.push({ policy, kind: 'deleted', previousVersion, containerIds, ...none });
  }
  const fresh = result.filter(({ kind }) => kind === 'created' || kind === 'updated');
  const ofDrift = new Map<string, readonly string[]>();
  for await (const { policy, containerIds } of inTimeSlices(fresh, disconnected)) {
    ofDrift.set(policyKey(policy), checkDrift(policy, containerIds, current.containers));
    if (containerIds.length === 0 && !isSurelySmall(policy)) await compileAlone(policy);
  }
  if (touched.size === 0) return { next: undefined, result };
  const reaches = (policies: PolicySet, container: Container) =>
    policies.reaching(container).some((policy) => touched.has(policyKey(policy)));
  return {
    next: {
      desired,
      affected: (container) => reaches(current.policies, container) || reaches(after, container),
      // What is too large by itself is refused; what is too large together with others is left out in the containers
      // where they meet.
      check: async (leftOut) => {
        const keys = new Set([...leftOut.values()].flat());
        if (keys.size === 0) return;
        for await (const { policy } of inTimeSlices(fresh)) if (keys.has(policyKey(policy))) await compileAlone(policy);
      },
    },
    make: async ({ revision, leftOut }) => {
      const versions = new Map(current.versions);
      for (const key of [...added, ...changed]) versions.set(key, revision);
      for (const key of removed) versions.delete(key);
      const putPolicies: StoredPolicy[] = [];
      for await (const key of inTimeSlices([...added, ...changed])) {
        putPolicies.push({ policy: after.get(key)!, version: revision });
      }
      const made: PolicyChange[] = [];
      for await (const change of inTimeSlices(result)) {
        made.push({
          ...change,
          resourceVersion: versions.get(policyKey(change.policy)) ?? 0,
          warnings: [
            ...change.warnings,
            ...(ofDrift.get(policyKey(change.policy)) ?? []),
            ...leftOutWarnings(change, leftOut, desired),
          ],
        });
      }
      return {
        desired: { ...desired, versions },
        stored: {
          putPolicies,
          deletePolicies: removed,
        },
        result: made,
      };
    },
  };
}

/** Whoever applies a policy may think that it replaces the one of the same name from another origin. */
function namesakeWarnings(policy: Policy, policies: PolicySet): string[] {
  if (!isOfClient(policy)) return [];
  const others = POLICY_ORIGINS.filter(
    (origin) => origin !== originOf(policy) && policies.get(policyKey(givenBy(origin, policy))) !== undefined,
  );
  if (others.length === 0) return [];
  return [
    `${others.join(' and ')} ${others.length === 1 ? 'has' : 'have'} a policy of the same name, which is another one and stays in force as well`,
  ];
}

/** A policy this short compiles whatever it says: it stays below every limit by more than a factor of a hundred. */
const SMALL_RULES = 64;
const SMALL_CHARACTERS = 4096;

/** Whether a policy is so small and plain that it need not be compiled to know that it can be. */
function isSurelySmall({ rules }: Policy): boolean {
  if (rules.length > SMALL_RULES) return false;
  let characters = 0;
  for (const { match, sources } of rules) {
    if (sources.length > 0) return false;
    if (match.kind === 'exact') characters += match.path.length;
    else if (match.kind === 'directory') characters += match.directory.length;
    else return false;
  }
  return characters <= SMALL_CHARACTERS;
}

/** Beyond this many policies it is quicker to look up for each container which of them reach it. */
const FEW_POLICIES = 16;

/** For each of many policies, which containers, or the host, it reaches: see `reachedByInSteps`. */
async function containersBy(
  inputs: readonly { readonly policy: Policy }[],
  { containers }: Pick<DesiredState, 'containers'>,
  { host }: { readonly host: Container | undefined },
  disconnected: AbortSignal | undefined,
): Promise<(policy: Policy) => Promise<readonly string[]>> {
  if (inputs.length <= FEW_POLICIES)
    return (policy) => finishInTimeSlices(reachedByInSteps(policy, { containers }, { host }));
  await nextTimeSlice();
  const policies = PolicySet.empty.with(inputs.map(({ policy }) => policy));
  await nextTimeSlice();
  await finishInTimeSlices(policies.indexInSteps());
  const groups = new Map<readonly Policy[], string[]>();
  for await (const container of inTimeSlices(
    [...containers.values(), ...(host === undefined ? [] : [host])],
    disconnected,
  )) {
    const reaching = policies.reaching(container);
    const ids = groups.get(reaching) ?? [];
    ids.push(container.id);
    groups.set(reaching, ids);
  }
  const groupsOf = new Map<Policy, string[][]>();
  for await (const [reaching, ids] of inTimeSlices(groups, disconnected)) {
    ids.sort();
    for (const policy of reaching) append(groupsOf, policy, ids);
  }
  return async (policy) => {
    const [first = [], ...others] = groupsOf.get(policy) ?? [];
    return others.length === 0 ? first : [first, ...others].flat().sort();
  };
}

/** At most this many containers with left-out policies are named. */
const LEFT_OUT_NAMED_MAX = 5;

/** Where policies are not in force since the rules of all that reach a container do not compile together. */
function leftOutWarnings(
  { kind, containerIds }: PolicyChange,
  leftOut: LeftOut,
  { containers }: Pick<DesiredState, 'containers'>,
): string[] {
  if (leftOut.size === 0 || (kind !== 'created' && kind !== 'updated')) return [];
  const ids = containerIds.filter((id) => leftOut.has(id));
  const more = ids.length - LEFT_OUT_NAMED_MAX;
  return [
    ...ids.slice(0, LEFT_OUT_NAMED_MAX).map((id) => {
      const policies = leftOut.get(id)!.join(', ');
      return `container ${containers.get(id)?.name ?? id}: its policies do not compile together, left out are ${policies}`;
    }),
    ...(more > 0 ? [`policies are left out in ${more} more containers`] : []),
  ];
}

/** Ids of the containers, or of the host, that a policy reaches, sorted. */
export function* reachedByInSteps(
  policy: Policy,
  { containers }: Pick<DesiredState, 'containers'>,
  { host }: { readonly host: Container | undefined },
): Steps<string[]> {
  const ids: string[] = [];
  for (const [place, container] of [...containers.values(), ...(host === undefined ? [] : [host])].entries()) {
    if (isStep(place)) yield;
    if (selects(policy, container)) ids.push(container.id);
  }
  return yield* sortInSteps(ids, (a, b) => (a < b ? -1 : Number(a > b)));
}
