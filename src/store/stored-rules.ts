import type { SchemaObject } from 'ajv';
import { CAPABILITIES } from '../policy/capability.js';
import {
  FILE_OPERATIONS,
  type Match,
  MOUNT_OPERATIONS,
  POLICY_ORIGINS,
  PRESETS,
  RULE_CLASSES,
  TRACE_OPERATIONS,
} from '../policy/model.js';
import { ADDRESS_FAMILIES, DIRECTIONS, ENDPOINT_PROTOCOLS, PROTOCOLS } from '../policy/network.js';
import { choice, flag, labels, number, object, oneOf, text, texts } from './schema-parts.js';

/** The form of policies and rules on disk: a record with a value that this version does not know is not read. */

const PLACES = {
  exact: object({ kind: oneOf(['exact']), path: text }),
  directory: object({ kind: oneOf(['directory']), directory: text, recursive: flag }),
  pattern: object({ kind: oneOf(['pattern']), pattern: text }),
} as const;

const place = choice(Object.values(PLACES));

/** A kind of match without its form does not compile. */
const MATCHES: Readonly<Record<Match['kind'], SchemaObject>> = {
  ...PLACES,
  name: object({ kind: oneOf(['name']), name: text }),
  protocol: object({ kind: oneOf(['protocol']), protocol: oneOf(Object.keys(PROTOCOLS)) }),
  family: object({ kind: oneOf(['family']), family: oneOf(Object.keys(ADDRESS_FAMILIES)) }),
  endpoint: object(
    { kind: oneOf(['endpoint']) },
    { protocol: oneOf(ENDPOINT_PROTOCOLS), cidr: text, ports: text, direction: oneOf(DIRECTIONS) },
  ),
  domain: object({ kind: oneOf(['domain']), domain: text }),
  capability: object({ kind: oneOf(['capability']), capability: oneOf(CAPABILITIES) }),
  filesystem: object({ kind: oneOf(['filesystem']), type: text }),
  mount: object({ kind: oneOf(['mount']) }, { target: place, type: text, operation: oneOf(MOUNT_OPERATIONS) }),
  trace: object({ kind: oneOf(['trace']) }, { target: place, operation: oneOf(TRACE_OPERATIONS) }),
  namespace: object({ kind: oneOf(['namespace']), namespace: oneOf(['user']) }),
  preset: object(
    { kind: oneOf(['preset']), preset: oneOf(PRESETS) },
    { except: { type: 'array', items: place, minItems: 1 } },
  ),
  call: object(
    { kind: oneOf(['call']), calls: { ...texts, minItems: 1 } },
    { target: choice([PLACES.exact, PLACES.directory]) },
  ),
};

export const ruleClass = oneOf(RULE_CLASSES);

const rule = object(
  {
    id: text,
    class: ruleClass,
    match: choice(Object.values(MATCHES)),
    sources: texts,
    action: oneOf(['Allow', 'Audit', 'Block']),
    readOnly: flag,
    ownerOnly: flag,
    severity: number,
    tags: texts,
    message: text,
  },
  { operations: { type: 'array', items: oneOf(FILE_OPERATIONS) }, arguments: texts, terminal: flag },
);

const expression = object({ key: oneOf(['label', 'namespace']), operator: oneOf(['In', 'NotIn']), values: texts });

export const policy = object(
  { name: text, namespace: text, matchLabels: labels, rules: { type: 'array', items: rule } },
  {
    scope: oneOf(['namespace', 'cluster', 'host']),
    origin: oneOf(POLICY_ORIGINS),
    matchExpressions: { type: 'array', items: expression },
    priority: number,
    mode: oneOf(['enforce', 'audit']),
    guards: { enum: [false] },
    heldDescriptors: oneOf(['leave']),
    loaderLibraries: { type: 'array', items: place, minItems: 1 },
    expires: number,
  },
);
