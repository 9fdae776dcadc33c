import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import {
  ACTOR_HAS_TERMINAL,
  ACTOR_IS_PARENT,
  GUARD_ENTRIES,
  HEADER,
  SOURCE_ENTRIES,
  STATE_ABSORBING,
  STATE_BASE_MASK,
  STATE_HAS_DEFAULT,
  SYMBOL_GUARD,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_SOURCE,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  VERDICT_ROW_ENTRIES,
} from '../../src/image/layout.js';
import { randomRuleSet } from './random-rule-set.js';

const RUNS = Math.ceil(Number(process.env.HAUBERK_RUNS ?? 2400) / 50);
const STATES_MAX = 400;
const BYTES = Array.from({ length: 255 }, (_, index) => index + 1);
const DEAD = 0;

function entry(words: Uint32Array, state: number, symbol: number): number | undefined {
  const base = state & STATE_BASE_MASK;
  return base !== 0 && words[(base + symbol) * 2] === base ? words[(base + symbol) * 2 + 1] : undefined;
}

function successor(words: Uint32Array, state: number, byte: number): number {
  if (state === DEAD || (state & STATE_ABSORBING) !== 0) return state;
  const byDefault = (state & STATE_HAS_DEFAULT) === 0 ? DEAD : entry(words, state, 0)!;
  return entry(words, state, byte) ?? byDefault;
}

/** The verdict rows that a state leads to, for every actor up to the highest. */
function rows(words: Uint32Array, state: number, classes: number): string {
  const found: string[] = [];
  for (let programClass = 0; programClass <= classes; programClass++)
    for (const terminal of [0, ACTOR_HAS_TERMINAL]) {
      const row = entry(words, state, SYMBOL_VERDICT + SYMBOLS_PER_CLASS * programClass + terminal);
      found.push(row === undefined ? 'nothing' : words.slice(row * 2, (row + VERDICT_ROW_ENTRIES) * 2).join());
    }
  return found.join(';');
}

/** The decisions for a key that ends in this state, for every actor and parent. */
function answers(words: Uint32Array, state: number, classes: number): string {
  const guard = entry(words, state, SYMBOL_GUARD);
  const source = entry(words, state, SYMBOL_SOURCE);
  const found: Array<number | string> = [
    entry(words, state, SYMBOL_PROGRAM_CLASS) ?? 0,
    source === undefined ? 'nothing' : words.slice(source * 2, (source + SOURCE_ENTRIES) * 2).join(),
    guard === undefined ? 'nothing' : words.slice(guard * 2, (guard + GUARD_ENTRIES) * 2).join(),
  ];
  found.push(rows(words, state, classes));
  for (let parent = 0; parent <= classes; parent++) {
    const child = entry(words, state, SYMBOL_VERDICT + SYMBOLS_PER_CLASS * parent + ACTOR_IS_PARENT);
    found.push(child === undefined ? 'nothing' : rows(words, child, classes));
  }
  return found.join(';');
}

/** Every reachable state of the image, with all its successors. */
function reachable(words: Uint32Array): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const waiting = [DEAD, words[HEADER.automaton * 2]!];
  for (const state of waiting) {
    if (found.has(state)) continue;
    const successors = BYTES.map((byte) => successor(words, state, byte));
    found.set(state, successors);
    waiting.push(...new Set(successors));
  }
  return found;
}

/** The states with their successors, for one of the bytes by which every state has the same successor. */
function withoutEqualBytes(states: ReadonlyMap<number, number[]>): Map<number, number[]> {
  const all = [...states.values()];
  const columns = BYTES.map((_, index) => [all.map((successors) => successors[index]).join(), index] as const);
  const kept = [...new Map(columns).values()];
  return new Map([...states].map(([state, successors]) => [state, kept.map((index) => successors[index]!)]));
}

/** The number of distinguishable states, by Moore's partition refinement. */
function distinguishable(words: Uint32Array, found: ReadonlyMap<number, number[]>, classes: number): number {
  const states = withoutEqualBytes(found);
  let keys = new Map([...states.keys()].map((state) => [state, answers(words, state, classes)]));
  for (let count = 0; ; ) {
    const numbers = new Map<string, number>();
    for (const key of keys.values()) if (!numbers.has(key)) numbers.set(key, numbers.size);
    if (numbers.size === count) return count;
    count = numbers.size;
    const numberOf = new Map([...keys].map(([state, key]) => [state, numbers.get(key)!]));
    keys = new Map(
      [...states].map(([state, successors]) => [
        state,
        `${numberOf.get(state)}:${successors.map((next) => numberOf.get(next)).join()}`,
      ]),
    );
  }
}

test('every state of an image is necessary: no two are equivalent', () => {
  fc.assert(
    fc.property(randomRuleSet, (ruleSet) => {
      const image = compileImage(ruleSet);
      fc.pre(image.states <= STATES_MAX);
      const states = reachable(image.words);
      assert.equal(image.states, states.size - 1);
      const classes = new Set(ruleSet.rules.flatMap(({ rule }) => rule.sources)).size;
      assert.equal(distinguishable(image.words, states, classes), states.size);
    }),
    { numRuns: RUNS },
  );
});
