import type { SchemaObject } from 'ajv';
import type { Action, Match } from '../../policy/model.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';

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
export interface ObjectPart<Of extends { readonly kind: string }> {
  /** The first character of all its keys, and of no others. */
  readonly firstCharacter: string;
  /** Undefined for a key that is malformed. */
  read(key: string): Of | undefined;
  write(object: Of): string;
  /** For people. */
  describe(object: Of): string;
  /** The form of an object in the store, made with src/disk-schema.ts. */
  readonly onDisk: SchemaObject;
}
