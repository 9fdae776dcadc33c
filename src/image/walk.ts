import type { Operation, Ownership } from '../policy/effect.js';
import type { Action } from '../policy/model.js';
import { digits } from './key-digits.js';
import {
  ACTOR_HAS_TERMINAL,
  ACTOR_IS_PARENT,
  GUARD_COMMON,
  GUARD_NOTHING,
  HEADER,
  operationsOn,
  PROGRAM_CLASS_BITS,
  PROGRAM_CLASS_MASK,
  PROGRAM_CLASS_UNNAMED,
  RULE_NONE,
  STATE_ABSORBING,
  STATE_BASE_MASK,
  STATE_HAS_DEFAULT,
  SUBJECTS,
  type Subject,
  SYMBOL_DEFAULT,
  SYMBOL_GUARD,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_SOURCE,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  subjectOfOperation,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
  VERDICT_BY_ARGUMENTS,
  VERDICT_MARK,
  VERDICT_RULE_MASK,
} from './layout.js';
import { ARGUMENT_RULE_DIGITS, GUARD_PREFIX, LIBRARY } from './object-keys.js';

/** An answer, and the number of the rule that gave it; undefined where none did. */
export interface Decision {
  readonly action: Action;
  readonly rule: number | undefined;
  /** The answer holds only if some argument is not among those of the rule; otherwise the rule allows. */
  readonly byArguments?: boolean;
}

/** The actor: the class of its program, the class of its parent's program, and whether it has a terminal. */
export interface Actor {
  readonly programClass: number;
  /** Only where a program is run; one that no rule names when left out. */
  readonly parentClass?: number | 'unknown' | undefined;
  readonly terminal?: boolean;
}

/** The symbols of the actor and of its parent, as added to SYMBOL_VERDICT; the parent's is 0 if no rule names it. */
export function actorSymbols({ programClass, parentClass = PROGRAM_CLASS_UNNAMED, terminal = false }: Actor) {
  const known = parentClass === 'unknown' ? PROGRAM_CLASS_UNNAMED : parentClass;
  return {
    actor: programClass * SYMBOLS_PER_CLASS + (terminal ? ACTOR_HAS_TERMINAL : 0),
    parent: parentClass === PROGRAM_CLASS_UNNAMED ? 0 : known * SYMBOLS_PER_CLASS + ACTOR_IS_PARENT,
  };
}

/** Reads an image as bpf/include/automaton.h does, step by step. The state word the path leads to; 0 is dead. */
export function matchPath(words: Uint32Array, path: Uint8Array): number {
  let state = words[HEADER.automaton * 2]!;
  for (const byte of path) {
    if (state === 0 || (state & STATE_ABSORBING) !== 0) break;
    const byDefault = (state & STATE_HAS_DEFAULT) === 0 ? 0 : follow(words, state, SYMBOL_DEFAULT, 0);
    state = follow(words, state, byte, byDefault);
  }
  return state;
}

/** The class of the program with this path; or the one that it is in while no Allow rule holds for it. */
export function classifyProgram(words: Uint32Array, path: Uint8Array, withoutAllow = false): number {
  const classes = follow(words, matchPath(words, path), SYMBOL_PROGRAM_CLASS, PROGRAM_CLASS_UNNAMED);
  return withoutAllow ? classes >>> PROGRAM_CLASS_BITS : classes & PROGRAM_CLASS_MASK;
}

/** The verdicts of the program with this path as a source, see SYMBOL_SOURCE. */
export function sourceAt(
  words: Uint32Array,
  path: Uint8Array,
): Record<'becoming' | 'withoutAllow' | 'replaced', Decision> {
  const place = follow(words, matchPath(words, path), SYMBOL_SOURCE, 0) * 2;
  const read = (offset: number) => decodeVerdict(place === 0 ? RULE_NONE : words[place + offset]! - VERDICT_MARK);
  return { becoming: read(0), withoutAllow: read(1), replaced: read(2) };
}

/** The decision on an access to this object: a path, or an object key for subjects that are not paths. */
export function decide(
  words: Uint32Array,
  pathOrKey: Uint8Array,
  actor: Actor,
  operation: Operation,
  ownership: Ownership,
): Decision {
  const subject = subjectOfOperation(operation);
  const row = rowFor(words, pathOrKey, subject, actor);
  return decodeVerdict(verdictIn(words, row, operationsOn(subject).indexOf(operation), ownership));
}

/** Whether a rule that looks at arguments allows all of these. */
export function allowsArguments(words: Uint32Array, rule: number, given: readonly Uint8Array[]): boolean {
  const start = Buffer.from(`a${digits(rule, ARGUMENT_RULE_DIGITS)}`);
  return given.every((argument) => {
    const row = rowFor(words, Buffer.concat([start, argument]), 'arguments', { programClass: PROGRAM_CLASS_UNNAMED });
    return decodeVerdict(verdictIn(words, row, 0, 'owner')).rule === rule;
  });
}

/** Whether a program of this class keeps its Allow rules if it loads a library from there. */
export function allowsLibrary(words: Uint32Array, path: Uint8Array, programClass: number): boolean {
  const row = rowFor(words, Buffer.concat([LIBRARY, path]), 'libraries', { programClass });
  return decodeVerdict(verdictIn(words, row, 0, 'owner')).action === 'Allow';
}

/**
 * The decision on renaming a directory, both names ending in a slash: if anything is decided differently below one than
 * below the other, the strongest action of what would change.
 */
export function guard(words: Uint32Array, from: Uint8Array, to: Uint8Array): Decision {
  const changes = ['', GUARD_PREFIX].map((digit) => changeBetween(words, Buffer.from(digit), from, to));
  return decodeVerdict(
    changes[1]! >>> VERDICT_ACTION_SHIFT > changes[0]! >>> VERDICT_ACTION_SHIFT ? changes[1]! : changes[0]!,
  );
}

function changeBetween(words: Uint32Array, digit: Uint8Array, from: Uint8Array, to: Uint8Array): number {
  const [before, after] = [from, to].map((path) => guardAt(words, Buffer.concat([digit, path]))) as [Guard, Guard];
  if (before.refused !== after.refused) return strongerOf(before.refusal, after.refusal);
  return before.decided === after.decided ? RULE_NONE : strongerOf(before.report, after.report);
}

type Guard = ReturnType<typeof guardAt>;

function guardAt(words: Uint32Array, directory: Uint8Array) {
  const place = follow(words, matchPath(words, directory), SYMBOL_GUARD, 0) * 2;
  const read = (offset: number) => words[place + offset]! - VERDICT_MARK;
  if (place === 0) return { refused: GUARD_NOTHING, decided: GUARD_NOTHING, refusal: RULE_NONE, report: RULE_NONE };
  return { refused: read(0), decided: read(1), refusal: read(2), report: read(3) };
}

/** Of two verdicts on a change, that of the guarded name. */
function strongerOf(first: number, second: number): number {
  const restricts = (verdict: number) => verdict >>> VERDICT_ACTION_SHIFT !== 0;
  const [chosen] = [first, second].filter((each) => restricts(each) && (each & GUARD_COMMON) === 0);
  return ((chosen ?? (restricts(first) ? first : second)) & ~GUARD_COMMON) >>> 0;
}

function rowFor(words: Uint32Array, pathOrKey: Uint8Array, subject: Subject, acting: Actor): number {
  const { actor, parent } = actorSymbols(acting);
  const end = matchPath(words, pathOrKey);
  const state = parent === 0 ? end : follow(words, end, SYMBOL_VERDICT + parent, end);
  const terminal = actor & ACTOR_HAS_TERMINAL;
  let row = follow(words, state, SYMBOL_VERDICT, words[HEADER.defaultRows * 2 + SUBJECTS.indexOf(subject)]!);
  if (terminal) row = follow(words, state, SYMBOL_VERDICT + terminal, row);
  if (actor <= ACTOR_HAS_TERMINAL) return row;
  row = follow(words, state, SYMBOL_VERDICT + (actor & ~ACTOR_HAS_TERMINAL), row);
  return terminal ? follow(words, state, SYMBOL_VERDICT + actor, row) : row;
}

function verdictIn(words: Uint32Array, row: number, operation: number, ownership: Ownership): number {
  return words[(row + operation) * 2 + (ownership === 'owner' ? 0 : 1)]! - VERDICT_MARK;
}

export function decodeVerdict(verdict: number): Decision {
  const rule = verdict & VERDICT_RULE_MASK;
  return {
    action: VERDICT_ACTIONS[verdict >>> VERDICT_ACTION_SHIFT]!,
    rule: rule === RULE_NONE ? undefined : rule,
    ...((verdict & VERDICT_BY_ARGUMENTS) !== 0 && { byArguments: true }),
  };
}

/** Where a symbol leads from a state, or `otherwise` where the state has no entry for it. */
function follow(words: Uint32Array, state: number, symbol: number, otherwise: number): number {
  const base = state & STATE_BASE_MASK;
  const entry = (base + symbol) * 2;
  return base !== 0 && words[entry] === base ? words[entry + 1]! : otherwise;
}
