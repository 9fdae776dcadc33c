import type { Container } from '../containers/container.js';
import type { Policy } from '../policy/model.js';

/** So many labels, or namespaces, are named. */
const NAMED_MAX = 10;

interface Reachable {
  readonly containers: ReadonlyMap<string, Pick<Container, 'namespace' | 'labels'>>;
}

/** Says that a policy reaches nobody, and what labels there are that it could ask for. */
export function unreachedWarning(
  { scope, namespace, matchLabels, matchExpressions = [] }: Policy,
  { containers }: Reachable,
  { host }: { readonly host: Pick<Container, 'labels'> | undefined },
): string {
  if (scope === 'host') {
    return host === undefined
      ? 'policies for the host are off: hauberkd was started with --rescue'
      : `the selector does not reach this host, whose labels are ${listOf(labelsOf([host]))}`;
  }
  const all = [...containers.values()];
  const near = scope === 'cluster' ? all : all.filter((container) => container.namespace === namespace);
  const nobody = 'the selector reaches no container at present';
  if (all.length === 0) return nobody;
  if (near.length === 0) {
    const namespaces = [...new Set(all.map((container) => container.namespace))].sort();
    return `${nobody}: namespace ${namespace} has none, there are some in ${listOf(namespaces)}`;
  }
  const asked = new Set([
    ...Object.keys(matchLabels),
    ...matchExpressions.flatMap(({ key, values }) =>
      key === 'label' ? values.map((value) => value.split('=')[0]!) : [],
    ),
  ]);
  const labels = labelsOf(near);
  // Those with another value of what was asked for are the most likely meant.
  const likely = labels.filter((label) => asked.has(label.split('=')[0]!));
  const others = labels.filter((label) => !likely.includes(label));
  if (labels.length === 0) return `${nobody}: containers there carry no labels`;
  return `${nobody}: labels there are ${listOf([...likely, ...others])}`;
}

function labelsOf(subjects: readonly Pick<Container, 'labels'>[]): string[] {
  const labels = subjects.flatMap((subject) => Object.entries(subject.labels).map(([key, value]) => `${key}=${value}`));
  return [...new Set(labels)].sort();
}

function listOf(words: readonly string[]): string {
  const more = words.length - NAMED_MAX;
  return `${words.slice(0, NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
