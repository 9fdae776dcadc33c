/** The names of policies, containers and profiles that a request or a response of a write speaks of, and nothing else of it. */
export function touchedNames(...messages: readonly unknown[]): string[] {
  const names = new Set<string>();
  for (const message of messages) for (const name of namesIn(message)) names.add(name);
  return [...names];
}

function* namesIn(message: unknown): Generator<string> {
  if (!isObject(message)) return;
  yield* nameOf(message);
  // ts-proto's form of a oneof: a policy may be the value of one.
  if (isObject(message.source)) yield* nameOf(message.source.value);
  // Lists of changes, of policies, of containers.
  for (const list of Object.values(message)) if (Array.isArray(list)) for (const item of list) yield* nameOf(item);
}

function* nameOf(thing: unknown): Generator<string> {
  if (!isObject(thing)) return;
  const { id, name, namespace } = thing;
  if (isText(id)) yield id;
  else if (isText(name)) yield 'namespace' in thing ? `${isText(namespace) ? namespace : 'default'}/${name}` : name;
  else if (isText(namespace)) yield namespace;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
