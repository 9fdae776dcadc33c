import type { Postures } from '../policy/model.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';

type ByKey = DesiredState['postures'];
type NamespacePostures = Partial<Postures>;

/** What stands before a namespace whose own annotations say its postures: no name of a namespace has a colon. */
const ANNOTATED = 'kubernetes:';

/** Stands for every namespace. */
export const ALL_NAMESPACES = '*';

/**
 * What holds in a namespace beside the agent's own postures: what clients say goes before its annotations, and these before
 * what Kubernetes says of all namespaces. The host is in none.
 */
export function posturesIn(postures: ByKey, namespace: string): NamespacePostures {
  const ofAll = namespace === '' ? undefined : postures.get(ANNOTATED + ALL_NAMESPACES);
  return { ...ofAll, ...postures.get(ANNOTATED + namespace), ...postures.get(namespace) };
}

/** Those that annotations say, by their keys. */
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

/** Says something else under these keys, and under the others what was said. */
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

/** Makes what annotations say of all namespaces this. */
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
