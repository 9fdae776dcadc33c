/** A schema in the form that CustomResourceDefinitions accept. */
export type StructuralSchema = Readonly<Record<string, unknown>>;

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Keywords that both kinds of schema share. */
const KEPT = ['type', 'nullable', 'enum', 'minimum', 'maximum', 'minItems'];

/**
 * Converts a JSON Schema as far as a structural one can express it: types, required fields, enumerations, ranges. The
 * rest, such as the form of a path, is checked when the policy is read. Unknown fields are kept: if they were silently
 * dropped, as is usual, a misspelt `readOnly` would make a rule stricter than it was written.
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

/** Kubernetes accepts no null for enumerations, whether they list it or not. */
function withoutNull(schema: Schema): Schema {
  if (schema.enum === undefined) return schema;
  const { nullable: _, ...others } = schema;
  return { ...others, enum: (schema.enum as readonly unknown[]).filter((word) => word !== null) };
}

function eitherOf(types: readonly unknown[], { type: _, ...kept }: Schema): StructuralSchema {
  if ([...types].sort().join() !== 'integer,string') throw new Error(`no structural schema has the types ${types}`);
  return { ...kept, 'x-kubernetes-int-or-string': true };
}
