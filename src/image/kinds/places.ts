import type { PathMatch } from '../../policy/model.js';
import { digits, numberAt, oneDigit, ZERO } from '../key-digits.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';
import { startOfGuarded } from '../object-keys.js';
import { addPath } from '../paths.js';

/** For kinds about a place, and perhaps an operation or a type of filesystem there. */

interface Placed {
  readonly target?: PathMatch;
}

/** Adds the digit of an operation, or any of these digits. */
export function addOperation<Name>(
  automaton: NondeterministicAutomaton,
  firstCharacter: string,
  names: readonly Name[],
  chosen: Name | undefined,
): number {
  const from = automaton.literal(automaton.start, Buffer.from(firstCharacter));
  const low = chosen === undefined ? 0 : names.indexOf(chosen);
  const high = chosen === undefined ? names.length - 1 : low;
  return oneDigit(automaton, from, { low: ZERO + low, high: ZERO + high });
}

/** Adds the place or, where the match names none, all places. */
export function addPlace(automaton: NondeterministicAutomaton, from: number, { target }: Placed, mark: number): void {
  if (target === undefined) automaton.markAll(from, mark);
  else addPath(automaton, from, target, mark);
}

export function addGuardedPlace(automaton: NondeterministicAutomaton, { target }: Placed, mark: number): void {
  if (target !== undefined) addPath(automaton, startOfGuarded(automaton), target, mark);
}

/** An operation in an object key. */
export function operationDigit<Name>(names: readonly Name[], name: Name): string {
  return digits(names.indexOf(name), 1);
}

/** The operation that stands behind the first character of an object key. */
export function readOperation<Name>(names: readonly Name[], key: string): Name | undefined {
  return names[numberAt(key, 1, 1)];
}

interface TypedPath {
  readonly type: string;
  readonly path: string;
}

/** A type, whose name has no slash, and a path. */
export function readTypedPath(key: string): TypedPath {
  const slash = key.indexOf('/');
  return slash < 0 ? { type: key.slice(2), path: '' } : { type: key.slice(2, slash), path: key.slice(slash) };
}

export function describeTypedPath({ type, path }: TypedPath): string {
  return type === '' || path === '' ? type + path : `${path} (${type})`;
}
