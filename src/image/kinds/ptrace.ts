import { TRACE_OPERATIONS, type TraceMatch } from '../../policy/model.js';
import type { MatchPart, ObjectOfKind, ObjectPart } from './part.js';
import { addGuardedPlace, addOperation, addPlace, operationDigit, readOperation } from './places.js';

/** A process that is traced is `t`, read (`a`) or attached to (`b`), and the path of its program. */
const FIRST_CHARACTER = 't';

export const trace: MatchPart<TraceMatch> = {
  add(automaton, match, mark) {
    addPlace(automaton, addOperation(automaton, FIRST_CHARACTER, TRACE_OPERATIONS, match.operation), match, mark);
  },
  addGuarded: addGuardedPlace,
};

export const traceObject: ObjectPart<ObjectOfKind<'trace'>> = {
  firstCharacter: FIRST_CHARACTER,
  read(key) {
    const operation = readOperation(TRACE_OPERATIONS, key);
    return operation && { kind: 'trace', operation, path: key.slice(2) };
  },
  write: ({ operation, path }) => `${FIRST_CHARACTER}${operationDigit(TRACE_OPERATIONS, operation)}${path}`,
  describe: ({ path }) => path || 'a kernel thread',
};
