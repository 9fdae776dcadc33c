import type { Action, Match } from '../../policy/model.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';
import type { KeyObject } from '../reported-object.js';

export type OfKind<Kind extends Match['kind']> = Extract<Match, { kind: Kind }>;

/** How one kind of match is compiled. */
export interface MatchPart<Of extends Match> {
  /** Adds what a rule of this action covers, with a mark. */
  add(automaton: NondeterministicAutomaton, match: Of, mark: number, action: Action): void;
  /** Adds the paths that it covers at the end of object keys, behind startOfGuarded. */
  addGuarded(automaton: NondeterministicAutomaton, match: Of, mark: number): void;
}

/** For matches that are guarded by their own paths, have none, or are only reported. */
export const NOTHING_GUARDED = { addGuarded: () => undefined } as const;

/** How one kind of object is encoded as an object key, as object_key.h does it in the kernel, and how it is described. */
export interface ObjectPart<Of extends KeyObject> {
  /** The first character of all its keys, and of no others. */
  readonly firstCharacter: string;
  /** Undefined for a key that is malformed. */
  read(key: string): Of | undefined;
  write(object: Of): string;
  /** For people. */
  describe(object: Of): string;
}

export type ObjectOfKind<Kind extends KeyObject['kind']> = Extract<KeyObject, { kind: Kind }>;
