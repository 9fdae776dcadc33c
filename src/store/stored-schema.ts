import { Ajv, type SchemaObject, type ValidateFunction } from 'ajv';

/** The kinds of record, by how their keys begin or, for single ones, by the key. */
export const KINDS = {
  policy: 'policy/',
  posture: 'posture/',
  visibility: 'visibility/',
  container: 'container/',
  image: 'image/',
  profile: 'profile/',
  profiled: 'profiled/',
  access: 'access/',
  /** The revision's name on disk, from before it had this one. */
  revision: 'generation',
  lastImage: 'last-image',
  keepsUnknown: 'keeps-unknown',
  hostLabels: 'host-labels',
} as const;
export type RecordKind = keyof typeof KINDS;

const text = { type: 'string' };
const number = { type: 'number' };
const texts = { type: 'array', items: text };
const labels = { type: 'object', additionalProperties: text };
const namespaces = object({ pidNamespace: number, mountNamespace: number });

/** The form of each kind in version 1 of the store; more fields than these are kept as they are. */
const SCHEMAS: Readonly<Record<RecordKind, SchemaObject>> = {
  policy: object({
    policy: object({
      name: text,
      namespace: text,
      matchLabels: labels,
      rules: { type: 'array', items: object({ id: text, class: text, action: text, match: object({ kind: text }) }) },
    }),
    version: number,
  }),
  posture: object({
    namespace: text,
    postures: { type: 'object', additionalProperties: { enum: ['audit', 'block'] } },
  }),
  visibility: object({
    namespace: text,
    matchLabels: labels,
    classes: texts,
    origin: { enum: ['rpc', 'kubernetes'] },
  }),
  container: object({ id: text, name: text, namespace: text, labels, origin: text, namespaces, links: labels }),
  image: object({
    generation: number,
    rules: { type: 'array', items: object({ policy: text, rule: text, class: text }) },
  }),
  profile: object({ name: text, subject: object({ kind: { enum: ['container', 'selector'] } }), started: number }),
  profiled: object({ profile: text, container: object({ id: text, name: text, namespace: text, labels, namespaces }) }),
  access: object({
    profile: text,
    containerId: text,
    key: text,
    access: object({ class: text, operations: texts, word: text, program: text, count: number }),
  }),
  revision: number,
  lastImage: number,
  keepsUnknown: { type: 'boolean' },
  hostLabels: labels,
};

const validators = new Map<RecordKind, ValidateFunction>();

/** The kind that a key is of; undefined: a later version's. */
export function kindOfKey(key: string): RecordKind | undefined {
  return (Object.keys(KINDS) as RecordKind[]).find((kind) => {
    const start = KINDS[kind];
    return start.endsWith('/') ? key.startsWith(start) : key === start;
  });
}

/** Whether a value that was read back has the form of its kind. */
export function isOfKind(kind: RecordKind, value: unknown): boolean {
  let validate = validators.get(kind);
  if (validate === undefined) {
    validate = new Ajv({ meta: false, validateSchema: false, code: { optimize: false } }).compile(SCHEMAS[kind]);
    validators.set(kind, validate);
  }
  return validate(value);
}

function object(properties: Readonly<Record<string, SchemaObject>>): SchemaObject {
  return { type: 'object', properties, required: Object.keys(properties) };
}
