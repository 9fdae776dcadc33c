import type { Policy } from './model.js';

/** What decides which policies reach a container. */
export interface Subject {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The policies of one namespace, by a label they ask for. */
interface NamespaceIndex {
  /** Under the label of each policy that fewest others ask for, so that a lookup meets few that do not match. */
  readonly byLabel: ReadonlyMap<string, readonly Policy[]>;
  readonly withoutLabels: readonly Policy[];
}

/** Finds the policies that reach a container without asking each of them. */
export class PolicyIndex {
  readonly #namespaces = new Map<string, NamespaceIndex>();

  constructor(policies: Iterable<Policy>) {
    const byNamespace = new Map<string, Policy[]>();
    for (const policy of policies) append(byNamespace, policy.namespace, policy);
    for (const [namespace, group] of byNamespace) this.#namespaces.set(namespace, indexNamespace(group));
  }

  reaching({ namespace, labels }: Subject): Policy[] {
    const index = this.#namespaces.get(namespace);
    if (index === undefined) return [];
    const found = [...index.withoutLabels];
    for (const label of Object.entries(labels)) {
      for (const policy of index.byLabel.get(labelKey(label)) ?? []) {
        if (Object.entries(policy.matchLabels).every(([key, value]) => labels[key] === value)) found.push(policy);
      }
    }
    return found;
  }
}

function indexNamespace(policies: readonly Policy[]): NamespaceIndex {
  const demand = new Map<string, number>();
  for (const policy of policies) {
    for (const label of Object.entries(policy.matchLabels)) {
      demand.set(labelKey(label), (demand.get(labelKey(label)) ?? 0) + 1);
    }
  }
  const byLabel = new Map<string, Policy[]>();
  const withoutLabels: Policy[] = [];
  for (const policy of policies) {
    const [first, ...others] = Object.entries(policy.matchLabels).map(labelKey);
    if (first === undefined) {
      withoutLabels.push(policy);
      continue;
    }
    const rarest = others.reduce((best, label) => (demand.get(label)! < demand.get(best)! ? label : best), first);
    append(byLabel, rarest, policy);
  }
  return { byLabel, withoutLabels };
}

function labelKey(label: readonly [string, string]): string {
  return JSON.stringify(label);
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
