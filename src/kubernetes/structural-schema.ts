/** A schema as CustomResourceDefinitions take it. */
export type StructuralSchema = Readonly<Record<string, unknown>>;

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** What both kinds of schema say alike. */
const KEPT = ['type', 'nullable', 'enum', 'minimum', 'maximum', 'minItems'];

/**
 * Says of a JSON Schema what a structural one can: types, required fields, choices of words, ranges. What it cannot say,
 * such as the form of a path, is left to the reader of the policy. Unknown fields are kept: taken away in silence, as is
 * usual, a misspelt `readOnly` would make a rule stricter than it was written.
 *
 * @param shared schemas that others refer to by name
 * @throws Error for what has no structural form
 */
export function structuralSchema(schema: Schema, shared: ReadonlyMap<string, Schema>): StructuralSchema {
  const { $ref, type, properties, items, additionalProperties, required, unsupported } = schema;
  if ($ref !== undefined) {
    const target = shared.get($ref as string);
    if (target === undefined) throw new Error(`no schema is named ${$ref}`);
    return structuralSchema(target, shared);
  }
  // Kept, so that the policy is refused for it, by name.
  if (unsupported !== undefined || type === undefined) return { 'x-kubernetes-preserve-unknown-fields': true };
  const kept = withoutNull(Object.fromEntries(Object.entries(schema).filter(([key]) => KEPT.includes(key))));
  if (Array.isArray(type)) return eitherOf(type, kept);
  if (type === 'array') return { ...kept, items: structuralSchema(items as Schema, shared) };
  if (type !== 'object') return kept;
  if (properties === undefined) {
    return { ...kept, additionalProperties: structuralSchema(additionalProperties as Schema, shared) };
  }
  const fields = Object.entries(properties as Properties).map(([name, each]) => [name, structuralSchema(each, shared)]);
  return {
    ...kept,
    properties: Object.fromEntries(fields),
    ...((required as readonly string[] | undefined)?.length && { required }),
    'x-kubernetes-preserve-unknown-fields': true,
  };
}

/** Kubernetes takes no null where words are listed, whether the list has it or not. */
function withoutNull(schema: Schema): Schema {
  if (schema.enum === undefined) return schema;
  const { nullable: _, ...others } = schema;
  return { ...others, enum: (schema.enum as readonly unknown[]).filter((word) => word !== null) };
}

function eitherOf(types: readonly unknown[], { type: _, ...kept }: Schema): StructuralSchema {
  if ([...types].sort().join() !== 'integer,string') throw new Error(`no structural schema has the types ${types}`);
  return { ...kept, 'x-kubernetes-int-or-string': true };
}
