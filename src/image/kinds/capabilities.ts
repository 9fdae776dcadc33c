import * as disk from '../../disk-schema.js';
import { CAPABILITIES } from '../../policy/capability.js';
import { areDigits, digits, numberAt } from '../key-digits.js';
import { type MatchPart, NOTHING_GUARDED, type ObjectPart, type OfKind } from './part.js';

/** A capability is `c` and its number (2 digits). */
const FIRST_CHARACTER = 'c';

export const capability: MatchPart<OfKind<'capability'>> = {
  add(automaton, match, mark) {
    const key = capabilityKey(CAPABILITIES.indexOf(match.capability));
    automaton.addMark(automaton.literal(automaton.start, Buffer.from(key)), mark);
  },
  ...NOTHING_GUARDED,
};

/** By the number of capabilities(7), as the kernel may have more than this version knows. */
export interface CapabilityObject {
  readonly kind: 'capability';
  readonly number: number;
}

export const capabilityObject: ObjectPart<CapabilityObject> = {
  onDisk: disk.ofKind('capability', { number: disk.number }),
  firstCharacter: FIRST_CHARACTER,
  read(key) {
    const number = readCapability(key);
    return number === undefined ? undefined : { kind: 'capability', number };
  },
  write: ({ number }) => capabilityKey(number),
  describe: ({ number }) => capabilityName(number),
};

export function readCapability(key: string): number | undefined {
  const isOne = key.length === 3 && key.startsWith(FIRST_CHARACTER) && areDigits(key, 1, 3);
  return isOne ? numberAt(key, 1, 2) : undefined;
}

export function capabilityKey(number: number): string {
  return `${FIRST_CHARACTER}${digits(number, 2)}`;
}

/** `capability 99` for one that this version does not know. */
export function capabilityName(number: number): string {
  return CAPABILITIES[number] ?? `capability ${number}`;
}
