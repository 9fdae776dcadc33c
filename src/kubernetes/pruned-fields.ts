import { isObject } from '../json-shape.js';
import type { KubernetesObject } from './api-client.js';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** At most this many are named. */
const FIELDS_MAX = 10;

/**
 * Fields of the specification that `kubectl apply` has sent and the object does not have: the schema of its kind does
 * not name them, and Kubernetes drops such fields silently.
 */
export function prunedFields(object: KubernetesObject & { readonly spec?: unknown }): string[] {
  const text = object.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return [];
  let applied: { readonly spec?: unknown };
  try {
    applied = JSON.parse(text);
  } catch {
    return [];
  }
  return [...missingIn(applied?.spec, object.spec, 'spec')].slice(0, FIELDS_MAX);
}

/** Only what is of the same form is compared: a list of another length has been changed since. */
function* missingIn(applied: unknown, there: unknown, path: string): Generator<string> {
  if (Array.isArray(applied)) {
    if (!Array.isArray(there) || there.length !== applied.length) return;
    for (const [index, each] of applied.entries()) yield* missingIn(each, there[index], `${path}[${index}]`);
  } else if (isObject(applied) && isObject(there)) {
    for (const [name, value] of Object.entries(applied)) {
      // Kubernetes leaves out what is null.
      if (value === null) continue;
      if (!(name in there)) yield `${path}.${name}`;
      else yield* missingIn(value, there[name], `${path}.${name}`);
    }
  }
}
