import type { SchemaObject } from 'ajv';
import { BEHAVIOURS, type ReportedObject } from '../image/reported-object.js';
import { MOUNT_OPERATIONS, TRACE_OPERATIONS } from '../policy/model.js';
import { CALL_POINTS } from '../policy/system-calls.js';
import { choice, number, object, oneOf, text } from './schema-parts.js';

/** The version in which accesses are written; their objects are decoded. */
export const ACCESS_VERSION = 2;

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

/** The object of an access on disk, decoded: a record with a value that this version does not know is not read. */
export const reportedObject = choice(Object.values(OBJECTS));
