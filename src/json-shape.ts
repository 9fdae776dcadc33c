/** Checks of values that were JSON or YAML; where a check throws, `null` stands for nothing. */

export type JsonObject = Record<string, unknown>;

/** Whether it has members, so no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws Error where it is anything but an object */
export function objectIn(value: unknown, name: string): JsonObject {
  if (!isObject(value)) throw new Error(`${name} is not an object`);
  return value;
}

/** @throws Error where it is there and not a text */
export function textIn(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new Error(`${name} is not a text`);
  return value;
}

/** @throws Error where it is there and not a list */
export function listIn(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`);
  return value;
}

/** @throws Error where it is there and not an object of texts */
export function textsIn(value: unknown, name: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  for (const [key, text] of Object.entries(objectIn(value, name)))
    if (typeof text !== 'string') throw new Error(`${key} in ${name} is not a text`);
  return value as Record<string, string>;
}
