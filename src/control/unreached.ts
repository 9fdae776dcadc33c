import type { Container } from '../containers/container.js';
import type { Policy } from '../policy/model.js';
import { CONTAINER_NAME_LABELS } from '../policy/selector-labels.js';

/** At most this many labels, or namespaces, are named. */
const NAMED_MAX = 10;

const NO_CONTAINER = 'the selector reaches no container at present';
const NOT_THIS_HOST = 'the selector does not reach this host';
const HOST_OFF = 'policies for the host are off';

/** Whether a warning tells that a policy reaches nobody on this host. */
export function isAboutReach(warning: string): boolean {
  return [NO_CONTAINER, NOT_THIS_HOST, HOST_OFF].some((beginning) => warning.startsWith(beginning));
}

type Subject = Pick<Container, 'namespace' | 'labels'> & Partial<Pick<Container, 'name'>>;

interface Reachable {
  readonly containers: ReadonlyMap<string, Subject>;
}

/** Labels by their keys, both sorted, each as `key=value`. */
type Labels = ReadonlyMap<string, readonly string[]>;

/** Warns about policies that reach nobody, and names labels they could select instead. */
export class Unreached {
  /** By namespace: there may be many policies, and as many containers. */
  readonly #near = new Map<string, Labels>();
  #all: Labels | undefined;
  #namespaces: readonly string[] | undefined;

  constructor(
    private readonly reachable: Reachable,
    private readonly hosts: { readonly host: Pick<Container, 'labels'> | undefined },
  ) {}

  warningFor({ scope, namespace, matchLabels, matchExpressions = [] }: Policy): string {
    if (scope === 'host') return this.#hostWarning();
    if (this.reachable.containers.size === 0) return NO_CONTAINER;
    const namespaces = this.#namespacesThere();
    if (scope !== 'cluster' && !namespaces.includes(namespace)) {
      return `${NO_CONTAINER}: namespace ${namespace} has none, there are some in ${listOf(namespaces)}`;
    }
    const labels = scope === 'cluster' ? this.#labels() : this.#labelsIn(namespace);
    if (labels.size === 0) return `${NO_CONTAINER}: containers there carry no labels`;
    const selectorKeys = new Set([
      ...Object.keys(matchLabels),
      ...matchExpressions.flatMap(({ key, values }) =>
        key === 'label' ? values.map((value) => value.split('=')[0]!) : [],
      ),
    ]);
    return `${NO_CONTAINER}: labels there are ${mostLikely(labels, selectorKeys)}`;
  }

  #hostWarning(): string {
    const { host } = this.hosts;
    return host === undefined
      ? `${HOST_OFF}: hauberkd was started with --rescue`
      : `${NOT_THIS_HOST}, whose labels are ${listOf([...labelsOf([{ labels: host.labels }]).values()].flat())}`;
  }

  #namespacesThere(): readonly string[] {
    this.#namespaces ??= [...new Set(Array.from(this.reachable.containers.values(), (each) => each.namespace))].sort();
    return this.#namespaces;
  }

  #labels(): Labels {
    this.#all ??= labelsOf(this.reachable.containers.values());
    return this.#all;
  }

  #labelsIn(namespace: string): Labels {
    const known = this.#near.get(namespace);
    if (known !== undefined) return known;
    const near = [...this.reachable.containers.values()].filter((container) => container.namespace === namespace);
    const labels = labelsOf(near);
    this.#near.set(namespace, labels);
    return labels;
  }
}

/** The first labels, those with another value of a label that the selector names before others: they are the most likely meant. */
function mostLikely(labels: Labels, selectorKeys: ReadonlySet<string>): string {
  const named: string[] = [];
  let count = 0;
  for (const isNamed of [true, false]) {
    for (const [key, those] of labels) {
      if (selectorKeys.has(key) !== isNamed) continue;
      count += those.length;
      if (named.length < NAMED_MAX) named.push(...those.slice(0, NAMED_MAX - named.length));
    }
  }
  return listOf(named, count);
}

/** With the names of containers, which selectors match where no label has them. */
function labelsOf(subjects: Iterable<Pick<Subject, 'labels' | 'name'>>): Labels {
  const values = new Map<string, Set<string>>();
  for (const { labels, name } of subjects) {
    const names = name ? Object.fromEntries(CONTAINER_NAME_LABELS.map((key) => [key, name])) : {};
    for (const [key, value] of Object.entries({ ...names, ...labels })) {
      const known = values.get(key) ?? new Set();
      values.set(key, known.add(`${key}=${value}`));
    }
  }
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([key, labels]) => [key, [...labels].sort()]));
}

function listOf(words: readonly string[], count = words.length): string {
  const named = words.slice(0, NAMED_MAX);
  const more = count - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
