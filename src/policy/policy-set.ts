import { isDeepStrictEqual } from 'node:util';
import type { BoundRule, Policy } from './model.js';
import { policyKey } from './model.js';
import { PolicyIndex, type Subject, selectsBy } from './policy-index.js';

export type { Subject };

/** The policies in force, one for each key. Immutable: a change makes another set. */
export class PolicySet {
  static readonly empty = new PolicySet(new Map());

  readonly #policies: ReadonlyMap<string, Policy>;
  #sorted: readonly Policy[] | undefined;
  #index: PolicyIndex | undefined;

  private constructor(policies: ReadonlyMap<string, Policy>) {
    this.#policies = policies;
  }

  get size(): number {
    return this.#policies.size;
  }

  /** This set with the policies added; one with the key of another takes its place, also within the list. */
  with(policies: readonly Policy[]): PolicySet {
    if (policies.length === 0) return this;
    const next = new Map(this.#policies);
    for (const policy of policies) next.set(policyKey(policy), policy);
    return new PolicySet(next);
  }

  /** This set without the policy of that key, and this set itself when it holds none. */
  without(key: string): PolicySet {
    return this.withoutAll([key]);
  }

  /** The same for several keys. */
  withoutAll(keys: readonly string[]): PolicySet {
    const next = new Map(this.#policies);
    for (const key of keys) next.delete(key);
    if (next.size === this.size) return this;
    return new PolicySet(next);
  }

  get(key: string): Policy | undefined {
    return this.#policies.get(key);
  }

  /** Every policy, sorted by key. */
  list(): readonly Policy[] {
    // The keys are there: to make them anew for each comparison takes longer than to sort.
    this.#sorted ??= [...this.#policies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
    return this.#sorted;
  }

  /** The policies that reach the container or the host, sorted by key: one list for containers that the same reach. */
  reaching(container: Subject): readonly Policy[] {
    // Built at the first question: a set that is only a step to the next one needs no index.
    this.#index ??= new PolicyIndex(this.list());
    return this.#index.reaching(container);
  }

  /** The rules of every policy that reaches the container, in no order of theirs: see `resolveRules`. */
  boundRulesFor(container: Subject): BoundRule[] {
    return this.reaching(container).flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));
  }
}

/** Whether the policy reaches the container or the host: in scope and namespace, labels and expressions. */
export function selects(policy: Policy, subject: Subject): boolean {
  const { scope = 'namespace' } = policy;
  const isInScope = scope === 'host' ? subject.isHost : !subject.isHost;
  const isInNamespace = scope !== 'namespace' || policy.namespace === subject.namespace;
  return isInScope === true && isInNamespace && selectsBy(policy, subject);
}

/** Keys of policies, each list sorted. */
export interface PolicySetComparison {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: readonly string[];
}

/** What it takes to get from one set to another, a policy in a step. */
export function* compareInSteps(before: PolicySet, after: PolicySet): Generator<void, PolicySetComparison, void> {
  const added: string[] = [];
  const changed: string[] = [];
  const unchanged: string[] = [];
  for (const policy of after.list()) {
    const key = policyKey(policy);
    const known = before.get(key);
    if (known === undefined) added.push(key);
    else if (known === policy || isDeepStrictEqual(known, policy)) unchanged.push(key);
    else changed.push(key);
    yield;
  }
  const removed = before
    .list()
    .map(policyKey)
    .filter((key) => after.get(key) === undefined);
  return { added, changed, removed, unchanged };
}

/** The same at once. */
export function compare(before: PolicySet, after: PolicySet): PolicySetComparison {
  const steps = compareInSteps(before, after);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
