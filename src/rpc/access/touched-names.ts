import type { PolicyOrigin } from '../../generated/hauberk/v1/policy.js';
import { type PolicyOrigin as PolicyOriginName, policyKey, type Scope } from '../../policy/model.js';
import { POLICY_ORIGIN_NAMES, SCOPE_NAMES } from '../names.js';

/**
 * The names of policies, containers and profiles that a request or a response of a write covers, and nothing else of it;
 * those of policies with scope and origin, since one name may be several policies.
 */
export function touchedNames(...messages: readonly unknown[]): string[] {
  const names = new Set<string>();
  for (const message of messages) for (const name of namesIn(message)) names.add(name);
  return [...names];
}

function* namesIn(message: unknown): Generator<string> {
  if (!isObject(message)) return;
  const { origin } = message;
  yield* nameOf(message, origin);
  // ts-proto's form of a oneof: a policy may be the value of one.
  if (isObject(message.source)) yield* nameOf(message.source.value, origin);
  // Lists of changes, of policies, of containers.
  for (const list of Object.values(message))
    if (Array.isArray(list)) for (const item of list) yield* nameOf(item, origin);
}

/** @param givenBy who gives policies that do not say it themselves */
function* nameOf(thing: unknown, givenBy: unknown): Generator<string> {
  if (!isObject(thing)) return;
  const { id, name, namespace, scope, origin = givenBy } = thing;
  if (isText(id)) yield id;
  else if (isText(name)) yield 'namespace' in thing ? keyOf(name, namespace, scope, origin) : name;
  else if (isText(namespace)) yield namespace;
}

function keyOf(name: string, namespace: unknown, scope: unknown, origin: unknown): string {
  const givenBy: PolicyOriginName | undefined = POLICY_ORIGIN_NAMES.get(origin as PolicyOrigin);
  return policyKey({
    name,
    namespace: isText(namespace) ? namespace : 'default',
    // KubeArmor's clients name no number.
    scope: SCOPE_NAMES.get(scope as never) ?? (isText(scope) ? (scope as Scope) : 'namespace'),
    ...(givenBy !== undefined && givenBy !== 'rpc' && { origin: givenBy }),
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
