import type { SchemaObject } from 'ajv';
import { BEHAVIOURS, type ReportedObject } from '../image/reported-object.js';
import { CAPABILITIES } from '../policy/capability.js';
import { type Match, MOUNT_OPERATIONS, PRESETS, TRACE_OPERATIONS } from '../policy/model.js';
import { ADDRESS_FAMILIES, DIRECTIONS, ENDPOINT_PROTOCOLS, PROTOCOLS } from '../policy/network.js';
import { CALL_POINTS } from '../policy/system-calls.js';
import { choice, flag, number, object, oneOf, text, texts } from './schema-parts.js';

/**
 * The form on disk of what differs by the kind of a rule: what it matches, and the objects of accesses, decoded. A record
 * with a value that this version does not know is not read.
 */

const PLACES = {
  exact: object({ kind: oneOf(['exact']), path: text }),
  directory: object({ kind: oneOf(['directory']), directory: text, recursive: flag }),
  pattern: object({ kind: oneOf(['pattern']), pattern: text }),
} as const;

/** A path in one of its forms. */
export const place = choice(Object.values(PLACES));

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

export const match = choice(Object.values(MATCHES));

const bytes = (count: number): SchemaObject => ({
  type: 'array',
  items: { type: 'integer', minimum: 0, maximum: 255 },
  minItems: count,
  maxItems: count,
});

/** A kind of object without its form does not compile. */
const OBJECTS: Readonly<Record<ReportedObject['kind'], SchemaObject>> = {
  path: object({ kind: oneOf(['path']), path: text }),
  socket: object(
    {
      kind: oneOf(['socket']),
      family: number,
      type: number,
      protocol: number,
      direction: oneOf(['none', 'egress', 'ingress']),
      port: number,
      address: { anyOf: [bytes(0), bytes(4), bytes(16)] },
    },
    { name: text },
  ),
  query: object({ kind: oneOf(['query']), name: text }),
  capability: object({ kind: oneOf(['capability']), number }),
  filesystem: object({ kind: oneOf(['filesystem']), type: text, path: text }),
  mount: object({ kind: oneOf(['mount']), operation: oneOf(MOUNT_OPERATIONS), type: text, path: text }),
  trace: object({ kind: oneOf(['trace']), operation: oneOf(TRACE_OPERATIONS), path: text }),
  namespace: object({ kind: oneOf(['namespace']) }),
  call: object({ kind: oneOf(['call']), point: oneOf(CALL_POINTS), number, path: text }),
  behaviour: object({ kind: oneOf(['behaviour']), behaviour: oneOf(BEHAVIOURS), path: text }, { capability: number }),
};

export const reportedObject = choice(Object.values(OBJECTS));
