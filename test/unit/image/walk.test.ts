import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACTOR_IS_PARENT,
  RULE_NONE,
  STATE_ABSORBING,
  STATE_HAS_DEFAULT,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  VERDICT_ACTION_SHIFT,
  VERDICT_MARK,
  VERDICT_ROW_ENTRIES,
} from '../../../src/image/layout.js';
import { classifyProgram, decide, decodeVerdict, matchPath } from '../../../src/image/walk.js';

const [START, MIDDLE, LAST, CHILD] = [100, 1000, 2000, 2500];
const VERDICTS = 3000;
const rowAt = (row: number) => VERDICTS + row * VERDICT_ROW_ENTRIES;

/** Written by hand: `a` leads to the middle, anything else to the last state; the middle has one default, the last none. */
function handMade(): Uint32Array {
  const words = new Uint32Array(2 * (VERDICTS + 3 * VERDICT_ROW_ENTRIES));
  const entry = (index: number, first: number, second: number): void =>
    words.set([first >>> 0, second >>> 0], index * 2);
  entry(1, START | STATE_HAS_DEFAULT, 0);
  entry(2, 0, 0);
  entry(3, rowAt(1), rowAt(1));
  entry(START, START, LAST);
  entry(START + 97, START, MIDDLE | STATE_HAS_DEFAULT);
  entry(START + 98, START, 0);
  entry(START + 99, START, MIDDLE | STATE_ABSORBING);
  entry(MIDDLE, MIDDLE, MIDDLE | STATE_HAS_DEFAULT);
  entry(MIDDLE + SYMBOL_VERDICT, MIDDLE, rowAt(0));
  entry(MIDDLE + SYMBOL_VERDICT + 2 * SYMBOLS_PER_CLASS, MIDDLE, rowAt(2));
  entry(MIDDLE + SYMBOL_VERDICT + 2 * SYMBOLS_PER_CLASS + ACTOR_IS_PARENT, MIDDLE, CHILD);
  entry(CHILD + SYMBOL_VERDICT, CHILD, rowAt(2));
  entry(CHILD + SYMBOL_VERDICT + 3 * SYMBOLS_PER_CLASS, CHILD, rowAt(1));
  entry(LAST + SYMBOL_PROGRAM_CLASS, LAST, 7);
  // An entry of another state where the last state has none.
  entry(LAST + 97, MIDDLE, MIDDLE);
  for (let row = 0; row < 3; row++) {
    for (let operation = 0; operation < VERDICT_ROW_ENTRIES; operation++) {
      const rule = row * 10 + operation;
      entry(rowAt(row) + operation, VERDICT_MARK + rule, VERDICT_MARK + (2 << VERDICT_ACTION_SHIFT) + rule);
    }
  }
  return words;
}

const words = handMade();
const path = (text: string) => Buffer.from(text);

test('a byte follows its own transition, otherwise the default', () => {
  assert.equal(matchPath(words, path('')), START | STATE_HAS_DEFAULT);
  assert.equal(matchPath(words, path('a')), MIDDLE | STATE_HAS_DEFAULT);
  assert.equal(matchPath(words, path('z')), LAST);
  assert.equal(matchPath(words, path('azz')), MIDDLE | STATE_HAS_DEFAULT);
});

test('a byte with neither leads to the dead state for good', () => {
  assert.equal(matchPath(words, path('za')), 0);
  assert.equal(matchPath(words, path('zaa')), 0);
  assert.equal(matchPath(words, path('b')), 0);
});

test('an absorbing state is not left', () => {
  assert.equal(matchPath(words, path('cab')), (MIDDLE | STATE_ABSORBING) >>> 0);
});

test('a program has the class its state leads to, else that of unnamed programs', () => {
  assert.equal(classifyProgram(words, path('z')), 7);
  assert.equal(classifyProgram(words, path('a')), 0);
  assert.equal(classifyProgram(words, path('b')), 0);
});

test('the row is that of the class, else of unnamed programs, else of what no rule matches', () => {
  const ruleOf = (text: string, programClass: number) =>
    decide(words, path(text), { programClass }, 'execute', 'owner').rule;
  assert.deepEqual([ruleOf('a', 2), ruleOf('a', 1), ruleOf('a', 0)], [20, 0, 0]);
  assert.deepEqual([ruleOf('z', 0), ruleOf('b', 0), ruleOf('b', 2)], [10, 10, 10]);
});

test('the row is that of the children of the parent where there is one for them', () => {
  const ruleOf = (programClass: number, parentClass?: number | 'unknown') =>
    decide(words, path('a'), { programClass, parentClass }, 'execute', 'owner').rule;
  assert.deepEqual([ruleOf(0, 2), ruleOf(3, 2), ruleOf(2, 2)], [20, 10, 20]);
  assert.deepEqual([ruleOf(0, 1), ruleOf(0, 'unknown'), ruleOf(0, 0), ruleOf(2, 3)], [0, 0, 0, 20]);
});

test('operation and ownership choose the verdict within the row', () => {
  assert.deepEqual(decide(words, path('a'), { programClass: 2 }, 'write', 'owner'), { action: 'Allow', rule: 22 });
  assert.deepEqual(decide(words, path('a'), { programClass: 2 }, 'read', 'other'), { action: 'Block', rule: 21 });
});

test('a verdict is an action and the rule that decided, if one did', () => {
  assert.deepEqual(decodeVerdict(((1 << VERDICT_ACTION_SHIFT) | 5) >>> 0), { action: 'Audit', rule: 5 });
  assert.deepEqual(decodeVerdict(RULE_NONE), { action: 'Allow', rule: undefined });
});
