import type { Operation, Ownership } from '../policy/effect.js';
import type { Action } from '../policy/model.js';
import {
  ACTOR_HAS_TERMINAL,
  HEADER,
  operationsOn,
  PROGRAM_CLASS_UNNAMED,
  RULE_NONE,
  STATE_ABSORBING,
  STATE_BASE_MASK,
  STATE_HAS_DEFAULT,
  SUBJECTS,
  type Subject,
  SYMBOL_DEFAULT,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_VERDICT,
  subjectOfOperation,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
  VERDICT_BY_ARGUMENTS,
  VERDICT_MARK,
  VERDICT_RULE_MASK,
} from './layout.js';
import { ARGUMENT_RULE_LETTERS, letters } from './words.js';

/** An answer, and the number of the rule that gave it; undefined where none did. */
export interface Decision {
  readonly action: Action;
  readonly rule: number | undefined;
  /** The answer holds only if some argument is not among those of the rule; otherwise the rule allows. */
  readonly byArguments?: boolean;
}

/** Who acts: the class of a program, and whether it has a terminal. */
export interface Actor {
  readonly programClass: number;
  readonly terminal?: boolean;
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

/** The class of the program with this path. */
export function classifyProgram(words: Uint32Array, path: Uint8Array): number {
  return follow(words, matchPath(words, path), SYMBOL_PROGRAM_CLASS, PROGRAM_CLASS_UNNAMED);
}

/** The answer to an access to what this word names: a path, or another word for subjects that are none. */
export function decide(
  words: Uint32Array,
  word: Uint8Array,
  { programClass, terminal = false }: Actor,
  operation: Operation,
  ownership: Ownership,
): Decision {
  const subject = subjectOfOperation(operation);
  const row = rowFor(words, word, subject, programClass * 2 + (terminal ? ACTOR_HAS_TERMINAL : 0));
  return decodeVerdict(verdictIn(words, row, operationsOn(subject).indexOf(operation), ownership));
}

/** Whether a rule that looks at arguments allows all of these. */
export function allowsArguments(words: Uint32Array, rule: number, given: readonly Uint8Array[]): boolean {
  const start = Buffer.from(`a${letters(rule, ARGUMENT_RULE_LETTERS)}`);
  return given.every((argument) => {
    const row = rowFor(words, Buffer.concat([start, argument]), 'arguments', 0);
    return decodeVerdict(verdictIn(words, row, 0, 'owner')).rule === rule;
  });
}

function rowFor(words: Uint32Array, word: Uint8Array, subject: Subject, actor: number): number {
  const state = matchPath(words, word);
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
