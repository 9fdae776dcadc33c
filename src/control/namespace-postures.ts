import type { Postures } from '../policy/model.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';

type ByKey = DesiredState['postures'];
type NamespacePostures = Partial<Postures>;

/** The prefix of a namespace whose postures come from its own annotations: names of namespaces contain no colon. */
const ANNOTATED = 'kubernetes:';

/** Stands for every namespace. */
export const ALL_NAMESPACES = '*';

/**
 * The postures that a namespace has instead of the agent's own: settings of clients take precedence over its
 * annotations, and these over what Kubernetes sets for all namespaces. The host is in no namespace.
 */
export function posturesIn(postures: ByKey, namespace: string): NamespacePostures {
  const ofAll = namespace === '' ? undefined : postures.get(ANNOTATED + ALL_NAMESPACES);
  return { ...ofAll, ...postures.get(ANNOTATED + namespace), ...postures.get(namespace) };
}

/** Those set by annotations, by their keys. */
export function annotatedPostures(postures: ByKey): ByKey {
  return new Map([...postures].filter(([key]) => key.startsWith(ANNOTATED)));
}

export function setByClients(postures: ByKey): ByKey {
  return new Map([...postures].filter(([key]) => !key.startsWith(ANNOTATED)));
}

/** By the namespace alone. */
export function byNamespace(postures: ByKey): ReadonlyMap<string, NamespacePostures> {
  return new Map(Array.from(postures, ([key, postures]) => [namespaceOf(key), postures]));
}

/** Replaces the settings of these keys, and keeps all others. */
export function postureChange(current: DesiredState, changed: ByKey): Change<void> {
  const next = new Map(current.postures);
  for (const [key, postures] of changed) {
    if (Object.keys(postures).length === 0) next.delete(key);
    else next.set(key, postures);
  }
  const desired = { ...current, postures: next };
  const namespaces = new Set([...changed.keys()].map(namespaceOf));
  const putPostures = Array.from(changed, ([namespace, postures]) => ({ namespace, postures }));
  return {
    next: { desired, affected: ({ namespace }) => namespaces.has(ALL_NAMESPACES) || namespaces.has(namespace) },
    make: () => ({ desired, stored: { putPostures }, result: undefined }),
  };
}

/** Replaces what annotations set for all namespaces. */
export function annotationChange(current: DesiredState, wanted: ReadonlyMap<string, NamespacePostures>): Change<void> {
  const before = annotatedPostures(current.postures);
  const after = new Map(Array.from(wanted, ([namespace, postures]) => [ANNOTATED + namespace, postures]));
  const changed = new Map<string, NamespacePostures>();
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const postures = after.get(key) ?? {};
    if (!isSame(before.get(key) ?? {}, postures)) changed.set(key, postures);
  }
  return changed.size === 0 ? { next: undefined, result: undefined } : postureChange(current, changed);
}

function namespaceOf(key: string): string {
  return key.startsWith(ANNOTATED) ? key.slice(ANNOTATED.length) : key;
}

function isSame(one: NamespacePostures, other: NamespacePostures): boolean {
  const classes = new Set([...Object.keys(one), ...Object.keys(other)] as (keyof Postures)[]);
  return [...classes].every((each) => one[each] === other[each]);
}
