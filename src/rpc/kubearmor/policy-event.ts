import { invalidInput, type Problem } from '../../failure.js';
import { isObject, type JsonObject } from '../../json-shape.js';
import type { PolicyKind } from '../../policy/manifest-schema.js';
import { DEFAULT_NAMESPACE, type PolicyName } from '../../policy/model.js';

const EVENT_TYPES = ['ADDED', 'MODIFIED', 'DELETED'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What a client of KubeArmor asks to be done with a policy. */
export interface PolicyEvent {
  readonly type: EventType;
  /** Of a manifest's shape, its kind filled in. */
  readonly document: { readonly kind: PolicyKind; readonly [field: string]: unknown };
}

/** The first is used if the client names none, as KubeArmor's own client does. */
export type AcceptedKinds = readonly [PolicyKind, ...PolicyKind[]];

/**
 * Reads the JSON that KubeArmor's clients send. What Go writes for an unset field, such as `"severity": 0`, counts as
 * not set.
 *
 * @throws Failure invalid-argument
 */
export function readPolicyEvent(bytes: Uint8Array, kinds: AcceptedKinds): PolicyEvent {
  const event = parse(bytes);
  const problems: Problem[] = [];
  const require = (holds: boolean, field: string, description: string) => {
    if (!holds) problems.push({ field, description });
  };
  const { type, object, ...others } = event;
  for (const field of Object.keys(others).slice(0, FIELDS_NAMED)) require(false, field, 'is not known');
  require((EVENT_TYPES as readonly unknown[]).includes(type), 'type', `must be one of ${EVENT_TYPES.join(', ')}`);
  require(isObject(object), 'object', 'must be a policy');
  const kind = (isObject(object) && object.kind) || kinds[0];
  require(kinds.includes(kind as PolicyKind), 'object.kind', `must be ${kinds.join(' or ')} in this call`);
  if (problems.length > 0) throw invalidInput(problems);
  const { spec, ...rest } = object as JsonObject;
  const document = { ...rest, kind: kind as PolicyKind, ...(spec !== undefined && { spec: specOf(spec) }) };
  return { type: type as PolicyEvent['type'], document };
}

const SCOPES = {
  KubeArmorPolicy: 'namespace',
  KubeArmorClusterPolicy: 'cluster',
  KubeArmorHostPolicy: 'host',
} as const;

/** The policy that the event is about. @throws Failure invalid-argument if it does not say */
export function nameIn({ document }: PolicyEvent): PolicyName {
  const scope = SCOPES[document.kind];
  const metadata = (document.metadata ?? {}) as { readonly name?: unknown; readonly namespace?: unknown };
  const name = typeof metadata.name === 'string' ? metadata.name : '';
  if (name === '') throw invalidInput([{ field: 'object.metadata.name', description: 'must not be empty' }]);
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : '';
  return scope === 'namespace' ? { name, namespace: namespace || DEFAULT_NAMESPACE } : { name, namespace: '', scope };
}

/** At most this many unknown fields are named. */
const FIELDS_NAMED = 100;

function parse(bytes: Uint8Array): JsonObject {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidInput([{ field: 'policy', description: `is not valid JSON: ${(error as Error).message}` }]);
  }
  if (!isObject(event)) throw invalidInput([{ field: 'policy', description: 'must hold `type` and `object`' }]);
  return event;
}

const SELECTORS = ['selector', 'nodeSelector'];
/** A policy has less than ten levels. */
const DEPTH_MAX = 32;
/** KubeArmor takes these in lower case, too. */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ['allow', 'Allow'],
  ['audit', 'Audit'],
  ['block', 'Block'],
]);

function specOf(spec: unknown): unknown {
  if (!isObject(spec)) return spec;
  const entries = Object.entries(spec).map(([name, value]) => [
    name,
    // An empty selector reaches everybody, and labels may have empty values.
    SELECTORS.includes(name) ? value : withoutUnset(name, value, 1),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** @returns undefined where it says nothing */
function withoutUnset(name: string, value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw invalidInput([{ field: 'object.spec', description: 'is nested too deeply' }]);
  if (Array.isArray(value)) return value.map((item) => (isObject(item) ? withoutUnsetFields(item, depth + 1) : item));
  if (isObject(value)) {
    const fields = withoutUnsetFields(value, depth + 1);
    return Object.keys(fields).length === 0 ? undefined : fields;
  }
  if (UNSET[name] === value) return undefined;
  return name === 'action' && typeof value === 'string' ? (ACTIONS.get(value) ?? value) : value;
}

const UNSET: Readonly<Record<string, unknown>> = {
  severity: 0,
  action: '',
  message: '',
  apparmor: '',
  status: '',
  intervalSeconds: 0,
};

function withoutUnsetFields(fields: JsonObject, depth: number): JsonObject {
  const entries = Object.entries(fields)
    // A program that is named has no path, but a field for it.
    .filter(([name, value]) => !(name === 'path' && value === '' && fields.execname))
    .map(([name, value]) => [name, withoutUnset(name, value, depth)]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
