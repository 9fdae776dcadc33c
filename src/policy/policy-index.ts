import { append } from './append.js';
import type { Policy } from './model.js';
import { carries, isComparedAsText } from './selector-labels.js';

/** What decides which policies reach a container, or the host's own processes. */
export interface Subject {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a container: what selectors find it by where its labels say nothing of its name. */
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
    for (const policy of policies) append(byNamespace, placeOf(policy), policy);
    for (const [namespace, group] of byNamespace) this.#namespaces.set(namespace, indexNamespace(group));
  }

  reaching(subject: Subject): Policy[] {
    const places = subject.isHost ? [HOST] : [subject.namespace, CLUSTER];
    return places.flatMap((place) => this.#candidates(place, subject)).filter((policy) => selectsBy(policy, subject));
  }

  #candidates(place: string, { labels }: Subject): readonly Policy[] {
    const index = this.#namespaces.get(place);
    if (index === undefined) return [];
    return [
      ...index.withoutLabels,
      ...Object.entries(labels).flatMap((label) => index.byLabel.get(labelKey(label)) ?? []),
    ];
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

function indexNamespace(policies: readonly Policy[]): NamespaceIndex {
  const demand = new Map<string, number>();
  for (const policy of policies) {
    for (const label of comparedLabels(policy)) {
      demand.set(labelKey(label), (demand.get(labelKey(label)) ?? 0) + 1);
    }
  }
  const byLabel = new Map<string, Policy[]>();
  const withoutLabels: Policy[] = [];
  for (const policy of policies) {
    const [first, ...others] = comparedLabels(policy).map(labelKey);
    if (first === undefined) {
      withoutLabels.push(policy);
      continue;
    }
    const rarest = others.reduce((best, label) => (demand.get(label)! < demand.get(best)! ? label : best), first);
    append(byLabel, rarest, policy);
  }
  return { byLabel, withoutLabels };
}

/** The labels that a policy can be found by. */
function comparedLabels({ matchLabels }: Policy): [string, string][] {
  return Object.entries(matchLabels).filter(([key]) => isComparedAsText(key));
}

function labelKey(label: readonly [string, string]): string {
  return JSON.stringify(label);
}
