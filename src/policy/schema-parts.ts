import type { ValueCheckName } from './value-checks.js';

/** The building blocks of the JSON Schema of policies; its keywords `check`, `choice` and `unsupported` are ours. */

export type Schema = Readonly<Record<string, unknown>>;
export type Properties = Readonly<Record<string, Schema>>;

/** Schemas that others refer to by name, so that each is compiled once. */
export const SHARED_SCHEMAS = new Map<string, Schema>();

export function shared(name: string, schema: Schema): Schema {
  SHARED_SCHEMAS.set(name, schema);
  return { $ref: name };
}

export const text: Schema = { type: 'string' };
export const flag: Schema = { type: 'boolean', nullable: true };

export const mapping = (properties: Properties, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const optional = (schema: Schema): Schema => ({ ...schema, nullable: true });
export const checked = (check: ValueCheckName): Schema => ({ type: 'string', check });
export const oneOf = (words: readonly string[]): Schema => optional({ type: 'string', enum: [...words, null] });
export const unsupported = (field: string): Schema => ({ unsupported: { field, isKnown: true } });
/** What KubeArmor's language has and ours does not. */
export const kubeArmors = (field: string): Schema => ({ unsupported: { field, isKnown: false } });
/** Exactly one of these fields, or at most one where none is needed. */
export const choiceOf = (names: readonly string[], needed: boolean): Schema => ({ choice: { names, needed } });

/** What every level of a policy may set for those below it. */
export const traits: Properties = {
  severity: optional({ type: 'integer', minimum: 1, maximum: 10 }),
  tags: optional(list(text)),
  message: optional(text),
  action: optional({ type: 'string', enum: ['Allow', 'Audit', 'Block', null] }),
};

export const fromSourceOf = (directory: ValueCheckName): Schema =>
  optional(
    list({
      ...mapping({ path: optional(checked('path')), dir: optional(checked(directory)), recursive: flag }),
      ...choiceOf(['path', 'dir'], true),
    }),
  );
export const fromSource = shared('fromSource', fromSourceOf('directory'));

/** A list of entries that may be limited to programs. */
export const entries = (properties: Properties, key?: string): Schema =>
  optional(
    list(mapping({ ...traits, ...properties, fromSource, pts: kubeArmors('pts') }, key === undefined ? [] : [key])),
  );

/** The fields that name a place, one of them for each. */
export const places: Properties = {
  path: optional(checked('path')),
  dir: optional(checked('directory')),
  recursive: flag,
  pattern: optional(checked('pattern')),
};

/** A list of places, each by exactly one of these fields. */
export const placeList: Schema = optional(list({ ...mapping(places), ...choiceOf(['path', 'dir', 'pattern'], true) }));

/** The same of entries about a place: where a mount is made, or which program another process runs; nothing for any. */
export const placeEntries = (properties: Properties): Schema =>
  optional(
    list({
      ...mapping({
        ...traits,
        ...places,
        ...properties,
        fromSource,
      }),
      ...choiceOf(['path', 'dir', 'pattern'], false),
    }),
  );
