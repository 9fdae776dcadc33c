import type { SchemaObject } from 'ajv';

/** What the schemas of stored records are put together from. A record with a value that they do not know is not read. */

export const text: SchemaObject = { type: 'string' };
export const number: SchemaObject = { type: 'number' };
export const flag: SchemaObject = { type: 'boolean' };
export const texts: SchemaObject = { type: 'array', items: text };
export const labels: SchemaObject = { type: 'object', additionalProperties: text };

export function oneOf(words: readonly string[]): SchemaObject {
  return { type: 'string', enum: words };
}

/** Fields that are neither needed nor optional are kept as they are. */
export function object(
  needed: Readonly<Record<string, SchemaObject>>,
  optional: Readonly<Record<string, SchemaObject>> = {},
): SchemaObject {
  return { type: 'object', properties: { ...needed, ...optional }, required: Object.keys(needed) };
}

/** An object of this kind, for `choice`. */
export function ofKind(
  kind: string,
  needed: Readonly<Record<string, SchemaObject>> = {},
  optional: Readonly<Record<string, SchemaObject>> = {},
): SchemaObject {
  return object({ kind: oneOf([kind]), ...needed }, optional);
}

/** One of several forms, which differ in their `kind`. */
export function choice(forms: readonly SchemaObject[]): SchemaObject {
  return { type: 'object', required: ['kind'], discriminator: { propertyName: 'kind' }, oneOf: forms };
}
