import { isStep, type Steps } from '../steps.js';
import { append } from './append.js';
import type { Policy } from './model.js';
import { CONTAINER_NAME_LABELS, carries, isComparedAsText } from './selector-labels.js';

/** What decides which policies reach a container, or the host's own processes. */
export interface Subject {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a container: its name, which selectors match if its labels do not contain one. */
  readonly name?: string;
  /** The labels are those of the host. */
  readonly isHost?: boolean;
}

/** Whether the policy reaches the subject, which is of its scope and namespace, by its labels and expressions. */
export function selectsBy(
  { matchLabels, matchExpressions = [] }: Pick<Policy, 'matchLabels' | 'matchExpressions'>,
  { namespace, labels, name }: Subject,
): boolean {
  if (!Object.entries(matchLabels).every(([key, value]) => carries(labels, key, value, name))) return false;
  return matchExpressions.every(({ key, operator, values }) => {
    const has = (value: string) => {
      if (key === 'namespace') return value === namespace;
      const end = value.indexOf('=');
      return carries(labels, value.slice(0, end), value.slice(end + 1), name);
    };
    return values.some(has) === (operator === 'In');
  });
}

/** A policy, and its place among all of the index. */
interface Entry {
  readonly policy: Policy;
  readonly place: number;
}

/** The policies of one namespace, by a label they ask for. */
interface NamespaceIndex {
  /** Each policy under its least common label, so that a lookup meets few that do not match. */
  readonly byLabel: ReadonlyMap<string, readonly Entry[]>;
  readonly withoutLabels: readonly Entry[];
  /** Policies without labels. */
  readonly forAll: readonly Entry[];
}

/** This many lists of policies are kept to be shared. */
const SHARED_MAX = 256;

/** Finds the policies that reach a container without asking each of them. */
export class PolicyIndex {
  readonly #namespaces = new Map<string, NamespaceIndex>();
  /** By a number that few other lists have. */
  readonly #shared = new Map<number, readonly Policy[]>();

  private constructor() {}

  /** In steps, so that other work can run in between: there may be thousands of policies. */
  static *inSteps(policies: Iterable<Policy>): Steps<PolicyIndex> {
    const index = new PolicyIndex();
    const byNamespace = new Map<string, Entry[]>();
    let place = 0;
    for (const policy of policies) {
      append(byNamespace, placeOf(policy), { policy, place: place++ });
      if (isStep(place)) yield;
    }
    for (const [namespace, group] of byNamespace) index.#namespaces.set(namespace, yield* indexNamespace(group));
    return index;
  }

  /** In the order in which they were given. Where the same policies reach many containers it is one list for all. */
  reaching(subject: Subject): readonly Policy[] {
    const places = subject.isHost ? [HOST] : [subject.namespace, CLUSTER];
    const selected = places
      .flatMap((place) => this.#candidates(place, subject))
      .filter(({ policy }) => selectsBy(policy, subject));
    const forAll = places.flatMap((place) => this.#namespaces.get(place)?.forAll ?? []);
    return this.#share([...forAll, ...selected].sort((a, b) => a.place - b.place));
  }

  #share(found: readonly Entry[]): readonly Policy[] {
    const number = found.reduce((sum, { place }) => Math.imul(sum ^ place, 0x01000193), found.length);
    const known = this.#shared.get(number);
    if (known?.length === found.length && found.every(({ policy }, index) => policy === known[index])) return known;
    const list = found.map(({ policy }) => policy);
    if (this.#shared.size >= SHARED_MAX) this.#shared.clear();
    this.#shared.set(number, list);
    return list;
  }

  #candidates(place: string, { labels, name }: Subject): readonly Entry[] {
    const index = this.#namespaces.get(place);
    if (index === undefined) return [];
    const carried = Object.entries(labels);
    if (name !== undefined) {
      for (const key of CONTAINER_NAME_LABELS) if (labels[key] === undefined) carried.push([key, name]);
    }
    return [...index.withoutLabels, ...carried.flatMap((label) => index.byLabel.get(labelKey(label)) ?? [])];
  }
}

/** No names of namespaces. */
const CLUSTER = ':cluster';
const HOST = ':host';

/** Where to look for a policy: under its namespace or, where it has none, its scope. */
function placeOf({ scope, namespace }: Policy): string {
  if (scope === 'host') return HOST;
  return scope === 'cluster' ? CLUSTER : namespace;
}

function* indexNamespace(entries: readonly Entry[]): Steps<NamespaceIndex> {
  const demand = new Map<string, number>();
  for (const [place, { policy }] of entries.entries()) {
    if (isStep(place)) yield;
    for (const label of comparedLabels(policy)) {
      demand.set(labelKey(label), (demand.get(labelKey(label)) ?? 0) + 1);
    }
  }
  const byLabel = new Map<string, Entry[]>();
  const withoutLabels: Entry[] = [];
  const forAll: Entry[] = [];
  for (const [place, entry] of entries.entries()) {
    if (isStep(place)) yield;
    if (selectsEverything(entry.policy)) {
      forAll.push(entry);
      continue;
    }
    const [first, ...others] = comparedLabels(entry.policy).map(labelKey);
    if (first === undefined) {
      withoutLabels.push(entry);
      continue;
    }
    const rarest = others.reduce((best, label) => (demand.get(label)! < demand.get(best)! ? label : best), first);
    append(byLabel, rarest, entry);
  }
  return { byLabel, withoutLabels, forAll };
}

function selectsEverything({ matchLabels, matchExpressions = [] }: Policy): boolean {
  return matchExpressions.length === 0 && Object.keys(matchLabels).length === 0;
}

/** The labels that a policy can be found by. */
function comparedLabels({ matchLabels }: Policy): [string, string][] {
  return Object.entries(matchLabels).filter(([key, value]) => isComparedAsText(key, value));
}

function labelKey(label: readonly [string, string]): string {
  return JSON.stringify(label);
}
