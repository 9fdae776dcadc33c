import * as disk from '../../disk-schema.js';
import type { CallMatch } from '../../policy/model.js';
import { CALL_POINTS, type CallPoint, callName, callNumbers, pathPoint } from '../../policy/system-calls.js';
import { areDigits, digits, numberAt } from '../key-digits.js';
import { addPath } from '../paths.js';
import { type MatchPart, NOTHING_GUARDED, type ObjectPart } from './part.js';
import { operationDigit, readOperation } from './places.js';

/**
 * A system call is `s`, where the kernel checks it (see CALL_POINTS), its number (4 digits) and, unless it is checked
 * on entry, the path it was given. One that ends with the number is one key: a rule without a path does not cover the
 * paths of a call again.
 */
const FIRST_CHARACTER = 's';

export const call: MatchPart<CallMatch> = {
  add(automaton, { calls, target }, mark) {
    for (const name of calls) {
      const point = target === undefined ? 'entry' : pathPoint(name);
      for (const number of callNumbers(name)) {
        const end = automaton.literal(automaton.start, Buffer.from(headOf(point, number)));
        if (target === undefined) automaton.addMark(end, mark);
        else addPath(automaton, end, target, mark);
      }
    }
  },
  ...NOTHING_GUARDED,
};

/** By the number that callName of policy/system-calls.ts takes. */
export interface CallObject {
  readonly kind: 'call';
  readonly point: CallPoint;
  readonly number: number;
  readonly path: string;
}

export const callObject: ObjectPart<CallObject> = {
  onDisk: disk.ofKind('call', { point: disk.oneOf(CALL_POINTS), number: disk.number, path: disk.text }),
  firstCharacter: FIRST_CHARACTER,
  read(key) {
    const point = readOperation(CALL_POINTS, key);
    if (point === undefined || !areDigits(key, 2, 6)) return undefined;
    return { kind: 'call', point, number: numberAt(key, 2, 4), path: key.slice(6) };
  },
  write: ({ point, number, path }) => headOf(point, number) + path,
  describe({ number, path }) {
    const name = callName(number) ?? `system call ${number}`;
    return path === '' ? name : `${name} ${path}`;
  },
};

function headOf(point: CallPoint, number: number): string {
  return `${FIRST_CHARACTER}${operationDigit(CALL_POINTS, point)}${digits(number, 4)}`;
}
