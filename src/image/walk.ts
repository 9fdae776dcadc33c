import type { Operation, Ownership } from '../policy/effect.js';
import { OPERATIONS } from '../policy/effect.js';
import type { Action } from '../policy/model.js';
import {
  HEADER,
  PROGRAM_CLASS_UNNAMED,
  RULE_NONE,
  STATE_ABSORBING,
  STATE_BASE_MASK,
  STATE_HAS_DEFAULT,
  SYMBOL_DEFAULT,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_VERDICT,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
  VERDICT_ROW_ENTRIES,
  VERDICT_RULE_MASK,
} from './layout.js';

/** An answer, and the number of the rule that gave it; undefined where none did. */
export interface Decision {
  readonly action: Action;
  readonly rule: number | undefined;
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

/** The answer to an access to this path by a program of this class. */
export function decide(
  words: Uint32Array,
  path: Uint8Array,
  programClass: number,
  operation: Operation,
  ownership: Ownership,
): Decision {
  const state = matchPath(words, path);
  let row = follow(words, state, SYMBOL_VERDICT, words[HEADER.decisions * 2 + 1]!);
  if (programClass !== PROGRAM_CLASS_UNNAMED) row = follow(words, state, SYMBOL_VERDICT + programClass, row);
  const entry = words[HEADER.automaton * 2 + 1]! + row * VERDICT_ROW_ENTRIES + OPERATIONS.indexOf(operation);
  return decodeVerdict(words[entry * 2 + (ownership === 'owner' ? 0 : 1)]!);
}

export function decodeVerdict(verdict: number): Decision {
  const rule = verdict & VERDICT_RULE_MASK;
  return {
    action: VERDICT_ACTIONS[verdict >>> VERDICT_ACTION_SHIFT]!,
    rule: rule === RULE_NONE ? undefined : rule,
  };
}

/** Where a symbol leads from a state, or `otherwise` where the state has no entry for it. */
function follow(words: Uint32Array, state: number, symbol: number, otherwise: number): number {
  const base = state & STATE_BASE_MASK;
  const entry = (base + symbol) * 2;
  return base !== 0 && words[entry] === base ? words[entry + 1]! : otherwise;
}
