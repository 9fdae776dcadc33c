import { isDeepStrictEqual } from 'node:util';
import type { Steps } from '../steps.js';
import type { BoundRule, Policy } from './model.js';
import { policyKey } from './model.js';
import { PolicyIndex, type Subject, selectsBy } from './policy-index.js';

export type { Subject };

/** After a change of more policies than this, what reaches containers is looked up in a new index, which is faster. */
const CHANGES_FOLLOWED_MAX = 16;

/** By container, sorted by key. A container is immutable too: with other labels it is another object. */
type Reaching = WeakMap<Subject, readonly Policy[]>;

/** Where a set comes from. */
interface Origin {
  readonly reaching: Reaching;
  /** Keys of the policies that the set no longer has, or has replaced. */
  readonly without: ReadonlySet<string>;
  readonly added: readonly Policy[];
}

const keysOf = new WeakMap<readonly Policy[], string>();

/** The policies in force, one for each key. Immutable: a change makes another set. */
export class PolicySet {
  static readonly empty = new PolicySet(new Map());

  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #origin: Origin | undefined;
  /** What is known of containers: a change of a few policies need not look at all others for each of them. */
  readonly #reaching: Reaching = new WeakMap();
  /** Lists derived from other lists, by the list and by which of the added policies reach as well. */
  readonly #made = new Map<readonly Policy[], Map<string, readonly Policy[]>>();
  #sorted: readonly Policy[] | undefined;
  #index: PolicyIndex | undefined;

  private constructor(policies: ReadonlyMap<string, Policy>, origin?: Origin) {
    this.#policies = policies;
    this.#origin = origin;
  }

  get size(): number {
    return this.#policies.size;
  }

  /** This set with the policies added; one with the key of another takes its place, also within the list. */
  with(policies: readonly Policy[]): PolicySet {
    if (policies.length === 0) return this;
    const next = new Map(this.#policies);
    for (const policy of policies) next.set(policyKey(policy), policy);
    if (policies.length > CHANGES_FOLLOWED_MAX) return new PolicySet(next);
    const keys = new Set(policies.map(policyKey));
    // Of two with one key the last is in the set.
    const added = [...keys].map((key) => next.get(key)!);
    return new PolicySet(next, { reaching: this.#reaching, without: keys, added });
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
    if (keys.length > CHANGES_FOLLOWED_MAX) return new PolicySet(next);
    return new PolicySet(next, { reaching: this.#reaching, without: new Set(keys), added: [] });
  }

  get(key: string): Policy | undefined {
    return this.#policies.get(key);
  }

  /** Every policy, sorted by key. */
  list(): readonly Policy[] {
    // The keys are there: to make them again for each comparison takes longer than to sort.
    this.#sorted ??= [...this.#policies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
    return this.#sorted;
  }

  /** The policies that reach the container or the host, sorted by key: one list for containers that the same reach. */
  reaching(container: Subject): readonly Policy[] {
    const known = this.#reaching.get(container);
    if (known !== undefined) return known;
    const found = this.#reachingFromOrigin(container) ?? this.#lookUp(container);
    this.#reaching.set(container, found);
    return found;
  }

  /** Their keys, as a text that is equal for containers that the same policies reach. */
  keysReaching(container: Subject): string {
    const reaching = this.reaching(container);
    const keys = keysOf.get(reaching) ?? textOf(reaching);
    keysOf.set(reaching, keys);
    return keys;
  }

  #reachingFromOrigin(container: Subject): readonly Policy[] | undefined {
    const before = this.#origin?.reaching.get(container);
    if (this.#origin === undefined || before === undefined) return undefined;
    const { without, added } = this.#origin;
    const selected = added.filter((policy) => selects(policy, container));
    const lists = this.#made.get(before) ?? new Map<string, readonly Policy[]>();
    this.#made.set(before, lists);
    const which = textOf(selected);
    const known = lists.get(which);
    if (known !== undefined) return known;
    const kept = before.filter((policy) => !without.has(policyKey(policy)));
    const made = kept.length === before.length && selected.length === 0 ? before : [...kept, ...selected].sort(byKey);
    lists.set(which, made);
    return made;
  }

  #lookUp(container: Subject): readonly Policy[] {
    // Built at the first lookup: a set that is only a step to the next one needs no index.
    if (this.#index === undefined) for (const _ of this.indexInSteps());
    return this.#index!.reaching(container);
  }

  /** Builds the index in steps, so that other work can run in between. */
  *indexInSteps(): Steps<void> {
    this.#index ??= yield* PolicyIndex.inSteps(this.list());
  }

  /** The rules of every policy that reaches the container, in no particular order: see `resolveRules`. */
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
export function* compareInSteps(before: PolicySet, after: PolicySet): Steps<PolicySetComparison> {
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
  const removed: string[] = [];
  for (const policy of before.list()) {
    const key = policyKey(policy);
    if (after.get(key) === undefined) removed.push(key);
    yield;
  }
  return { added, changed, removed, unchanged };
}

function textOf(policies: readonly Policy[]): string {
  return JSON.stringify(policies.map(policyKey));
}

function byKey(a: Policy, b: Policy): number {
  return policyKey(a) < policyKey(b) ? -1 : 1;
}
