import type { Container } from '../containers/container.js';
import { Failure } from '../failure.js';
import { checkPattern } from '../image/pattern.js';
import { readManifest } from '../policy/manifest.js';
import { toManifest } from '../policy/manifest-text.js';
import { type Policy, type Postures, policyKey } from '../policy/model.js';
import { compare, PolicySet, selects } from '../policy/policy-set.js';
import { readPolicy, warningsOf } from '../policy/validate.js';
import type { DesiredState } from './desired-state.js';
import type { Change, Ledger, Outcome } from './ledger.js';

/** What became of one policy. */
export interface PolicyChange {
  readonly policy: Policy;
  readonly kind: 'created' | 'updated' | 'unchanged' | 'deleted';
  /** The generation of its last change; 0 for one that is deleted. */
  readonly resourceVersion: number;
  /** Containers it reaches or, if it is deleted, reached. */
  readonly containerIds: readonly string[];
  readonly warnings: readonly string[];
}

/** A policy that was read and checked, but not yet compiled. */
export interface PolicyInput {
  readonly policy: Policy;
  readonly warnings: readonly string[];
}

/** By policy key: the version it must have, 0 for a policy that must not exist. */
export type ExpectedVersions = ReadonlyMap<string, number>;

/** The policies of this host and the postures of its namespaces. */
export class PolicyRegistry {
  constructor(
    readonly ledger: Ledger,
    readonly defaultPostures: Postures,
  ) {}

  /** @throws Failure with every problem of every document */
  readManifest(text: string): PolicyInput[] {
    return readManifest(text, { checkPattern });
  }

  /** @param document a plain object of a manifest's shape */
  readDocument(document: unknown): PolicyInput {
    const policy = readPolicy(document, { checkPattern });
    return { policy, warnings: warningsOf(policy) };
  }

  /** Adds or replaces the policies, all or none. @throws Failure aborted when a version is not the expected one */
  apply(inputs: readonly PolicyInput[], expected: ExpectedVersions = new Map()): Promise<Outcome<PolicyChange[]>> {
    return this.ledger.change((current, generation) => {
      checkVersions(current, expected);
      return this.#planApply(inputs, current, generation);
    });
  }

  /** What `apply` would do and refuse; nothing is changed. */
  rehearse(inputs: readonly PolicyInput[]): Promise<PolicyChange[]> {
    return this.ledger.rehearse((current, generation) => this.#planApply(inputs, current, generation));
  }

  /**
   * Makes the policies those given: all others are deleted.
   *
   * @param expectedGeneration 0, or the generation since which no policy may have changed
   * @throws Failure aborted when one has
   */
  sync(inputs: readonly PolicyInput[], expectedGeneration: number): Promise<Outcome<PolicyChange[]>> {
    return this.ledger.change((current, generation) => {
      const newest = Math.max(0, ...current.versions.values());
      if (expectedGeneration !== 0 && newest > expectedGeneration) {
        throw new Failure('aborted', `policies have changed since generation ${expectedGeneration}, at ${newest}`);
      }
      const wanted = PolicySet.empty.with(inputs.map(({ policy }) => policy));
      return this.#plan(inputs, current, wanted, generation);
    });
  }

  /** Returns what became of the policy. @throws Failure not-found; aborted when its version is not the expected one */
  delete(namespace: string, name: string, expectedVersion: number): Promise<Outcome<PolicyChange>> {
    const key = policyKey({ namespace, name });
    return this.ledger.change((current, generation) => {
      if (current.policies.get(key) === undefined) throw new Failure('not-found', `no policy ${key}`);
      if (expectedVersion !== 0) checkVersions(current, new Map([[key, expectedVersion]]));
      const { next, result } = this.#plan([], current, current.policies.without(key), generation);
      return { next, result: result[0]! };
    });
  }

  get(namespace: string, name: string): Policy | undefined {
    return this.ledger.desired.policies.get(policyKey({ namespace, name }));
  }

  list(): readonly Policy[] {
    return this.ledger.desired.policies.list();
  }

  versionOf(policy: Policy): number {
    return this.ledger.desired.versions.get(policyKey(policy)) ?? 0;
  }

  manifestOf(policy: Policy): string {
    return toManifest(policy);
  }

  containerIdsReachedBy(policy: Policy): string[] {
    return reachedBy(policy, this.ledger.desired);
  }

  /** Sets what a namespace says of accesses no rule names; classes left out have the agent's own posture. */
  setPosture(namespace: string, postures: Partial<Postures>): Promise<Outcome<void>> {
    return this.ledger.change((current) => {
      const next = new Map(current.postures);
      if (Object.keys(postures).length === 0) next.delete(namespace);
      else next.set(namespace, postures);
      return {
        next: {
          desired: { ...current, postures: next },
          affected: (container) => container.namespace === namespace,
          stored: { putPostures: [{ namespace, postures }] },
        },
        result: undefined,
      };
    });
  }

  /** By namespace, what each says itself. */
  postures(): ReadonlyMap<string, Partial<Postures>> {
    return this.ledger.desired.postures;
  }

  #planApply(inputs: readonly PolicyInput[], current: DesiredState, generation: number): Change<PolicyChange[]> {
    const after = current.policies.with(inputs.map(({ policy }) => policy));
    return this.#plan(inputs, current, after, generation);
  }

  #plan(
    inputs: readonly PolicyInput[],
    current: DesiredState,
    after: PolicySet,
    generation: number,
  ): Change<PolicyChange[]> {
    const { added, changed, removed } = compare(current.policies, after);
    const touched = new Set([...added, ...changed, ...removed]);
    const versions = new Map(current.versions);
    for (const key of [...added, ...changed]) versions.set(key, generation);
    for (const key of removed) versions.delete(key);
    const desired = { ...current, policies: after, versions };
    const kindOf = (key: string) =>
      added.includes(key) ? 'created' : changed.includes(key) ? 'updated' : ('unchanged' as const);
    const result = [
      ...inputs.map(({ policy, warnings }): PolicyChange => {
        const containerIds = reachedBy(policy, desired);
        const unreached = containerIds.length > 0 ? [] : ['the selector reaches no container at present'];
        const key = policyKey(policy);
        return {
          policy,
          kind: kindOf(key),
          resourceVersion: versions.get(key) ?? 0,
          containerIds,
          warnings: [...warnings, ...unreached],
        };
      }),
      ...removed.map((key): PolicyChange => {
        const policy = current.policies.get(key)!;
        const containerIds = reachedBy(policy, current);
        return { policy, kind: 'deleted', resourceVersion: 0, containerIds, warnings: [] };
      }),
    ];
    for (const { policy, kind, containerIds } of result) {
      if ((kind === 'created' || kind === 'updated') && containerIds.length === 0) {
        this.ledger.enforcement.rehearsePolicy(policy);
      }
    }
    if (touched.size === 0) return { next: undefined, result };
    const reaches = (policies: PolicySet, container: Container) =>
      policies.reaching(container).some((policy) => touched.has(policyKey(policy)));
    const putPolicies = [...added, ...changed].map((key) => ({ policy: after.get(key)!, version: generation }));
    return {
      next: {
        desired,
        affected: (container) => reaches(current.policies, container) || reaches(after, container),
        stored: { putPolicies, deletePolicies: removed },
      },
      result,
    };
  }
}

function reachedBy(policy: Policy, { containers }: DesiredState): string[] {
  return [...containers.values()]
    .filter((container) => selects(policy, container))
    .map(({ id }) => id)
    .sort();
}

function checkVersions(current: DesiredState, expected: ExpectedVersions): void {
  for (const [key, version] of expected) {
    const actual = current.versions.get(key) ?? 0;
    if (actual === version) continue;
    const is = actual === 0 ? 'does not exist' : `has resource version ${actual}`;
    const must = version === 0 ? 'was expected not to exist' : `was expected to have ${version}`;
    throw new Failure('aborted', `policy ${key} ${is}, it ${must}`);
  }
}
