import * as disk from '../../disk-schema.js';
import { TRACE_OPERATIONS, type TraceMatch, type TraceOperation } from '../../policy/model.js';
import type { MatchPart, ObjectPart } from './part.js';
import { addGuardedPlace, addOperation, addPlace, operationDigit, readOperation } from './places.js';

/** A process that is traced is `t`, read (`a`) or attached to (`b`), and the path of its program. */
const FIRST_CHARACTER = 't';

export const trace: MatchPart<TraceMatch> = {
  add(automaton, match, mark) {
    addPlace(automaton, addOperation(automaton, FIRST_CHARACTER, TRACE_OPERATIONS, match.operation), match, mark);
  },
  addGuarded: addGuardedPlace,
};

/** `path` is that of the other process's program; empty for a kernel thread. */
export interface TraceObject {
  readonly kind: 'trace';
  readonly operation: TraceOperation;
  readonly path: string;
}

export const traceObject: ObjectPart<TraceObject> = {
  onDisk: disk.ofKind('trace', { operation: disk.oneOf(TRACE_OPERATIONS), path: disk.text }),
  firstCharacter: FIRST_CHARACTER,
  read(key) {
    const operation = readOperation(TRACE_OPERATIONS, key);
    return operation && { kind: 'trace', operation, path: key.slice(2) };
  },
  write: ({ operation, path }) => `${FIRST_CHARACTER}${operationDigit(TRACE_OPERATIONS, operation)}${path}`,
  describe: ({ path }) => path || 'a kernel thread',
};
