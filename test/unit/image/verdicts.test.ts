import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntBuffer } from '../../../src/image/integers.js';
import {
  ACTOR_HAS_TERMINAL,
  ACTOR_IS_PARENT,
  PROGRAM_CLASS_BITS,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_SOURCE,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  VERDICT_ROW_ENTRIES,
} from '../../../src/image/layout.js';
import { Budget, DEFAULT_LIMITS, LimitExceeded } from '../../../src/image/limits.js';
import { classifyPrograms } from '../../../src/image/program-classes.js';
import { Verdicts } from '../../../src/image/verdicts.js';
import { decodeVerdict } from '../../../src/image/walk.js';
import type { Rule } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
import { exact, rule, ruleSet } from './rule-sets.js';

function verdictsOf(rules: Rule[], budget = new Budget(DEFAULT_LIMITS)): Verdicts {
  const set = ruleSet(rules);
  return new Verdicts(set, finish(classifyPrograms(set.rules, budget)), budget);
}

function label(verdicts: Verdicts, ...marks: number[]): number {
  const buffer = new IntBuffer();
  for (const mark of marks) buffer.push(mark);
  return verdicts.labelOf(buffer);
}

function entries(verdicts: Verdicts, ...marks: number[]): number[] {
  return [...verdicts.labelEntries(label(verdicts, ...marks))];
}

const CELLS = VERDICT_ROW_ENTRIES * 2;

/** A row as text: action and rule, for each operation, by the owner and by others. */
function row(verdicts: Verdicts, index: number): string[] {
  return [...verdicts.rowWords().subarray(index * CELLS, (index + 1) * CELLS)].map((word) => {
    const { action, rule: number } = decodeVerdict(word);
    return `${action} ${number ?? '-'}`;
  });
}

test('without rules everything is allowed', () => {
  assert.deepEqual(row(verdictsOf([]), 0), new Array(CELLS).fill('Allow -'));
});

test('postures decide accesses that match no rule, each for its class, and are numbered after the rules', () => {
  const verdicts = verdictsOf([
    rule(exact('/a'), { action: 'Allow' }),
    rule(exact('/b'), { action: 'Allow', class: 'process' }),
  ]);
  // No rule covers executable mappings.
  assert.deepEqual(row(verdicts, verdicts.defaultRows[0]!), [
    'Audit 2',
    'Audit 2',
    ...new Array(14).fill('Block 3'),
    ...new Array(2).fill('Allow -'),
  ]);
  assert.deepEqual(row(verdicts, verdicts.defaultRows[1]!), new Array(CELLS).fill('Allow -'));
  assert.deepEqual(verdicts.decidingRules.slice(2), [
    { posture: 'audit', class: 'process', mode: 'enforce' },
    { posture: 'block', class: 'file', mode: 'enforce' },
  ]);
});

test('where the first rule has no effect the next one decides', () => {
  const verdicts = verdictsOf([
    rule(exact('/long'), { action: 'Allow', readOnly: true }),
    rule(exact('/a'), { action: 'Audit' }),
  ]);
  const [symbol, unnamed] = entries(verdicts, 0, 1);
  assert.equal(symbol, SYMBOL_VERDICT);
  assert.deepEqual(row(verdicts, unnamed!).slice(2, 6), ['Allow 0', 'Allow 0', 'Audit 1', 'Audit 1']);
});

test('a rule that a stronger one silences makes no difference to the label', () => {
  const verdicts = verdictsOf([rule(exact('/long')), rule(exact('/a'), { action: 'Audit' })]);
  assert.equal(label(verdicts, 0, 1), label(verdicts, 0));
  assert.notEqual(label(verdicts, 1), label(verdicts, 0));
});

test('only classes with a different verdict have an entry', () => {
  const verdicts = verdictsOf([
    rule(exact('/a'), { sources: ['/x'] }),
    rule(exact('/b'), { sources: ['/y'], action: 'Audit' }),
    rule(exact('/c'), { action: 'Audit' }),
  ]);
  assert.equal(entries(verdicts).length, 0);
  // Class 2 is /x. Programs no rule names find no rule here, so there is no entry for them.
  const [symbol, named, ...rest] = entries(verdicts, 0);
  assert.deepEqual([symbol, rest], [SYMBOL_VERDICT + 2 * SYMBOLS_PER_CLASS, []]);
  assert.deepEqual(row(verdicts, named!).slice(2, 6), new Array(4).fill('Block 0'));
  const symbols = entries(verdicts, 1, 2).filter((_, index) => index % 2 === 0);
  assert.deepEqual(symbols, [SYMBOL_VERDICT, SYMBOL_VERDICT + SYMBOLS_PER_CLASS]);
});

test('the children of a source are distinguished where a rule about programs names it', () => {
  const process = { class: 'process', sources: ['/x'] } as const;
  const symbolsFor = (...rules: Partial<Rule>[]) => {
    const verdicts = verdictsOf(rules.map((each) => rule(exact('/a'), each)));
    return entries(verdicts, ...rules.keys()).filter((_, index) => index % 2 === 0);
  };
  const [ofUnknown, ofX] = [0, 1].map((parent) => SYMBOL_VERDICT + parent * SYMBOLS_PER_CLASS + ACTOR_IS_PARENT);
  const x = SYMBOL_VERDICT + SYMBOLS_PER_CLASS;
  assert.deepEqual(symbolsFor({ sources: ['/x'] }), [x]);
  assert.deepEqual(symbolsFor({ ...process, action: 'Block' }), [x, ofUnknown, ofX]);
  // A process with an unknown parent is not allowed anything by it.
  assert.deepEqual(symbolsFor({ ...process, action: 'Allow' }), [x, ofX]);
});

test('a class that a rule names without effect has no entry', () => {
  const silent = { class: 'process', action: 'Allow', readOnly: true, sources: ['/x'] } as const;
  const verdicts = verdictsOf([rule(exact('/a'), silent), rule(exact('/b'))]);
  const symbols = entries(verdicts, 0, 1).filter((_, index) => index % 2 === 0);
  assert.deepEqual(symbols, [SYMBOL_VERDICT]);
});

test('the class of a program is part of the label', () => {
  const verdicts = verdictsOf([rule(exact('/a'), { sources: ['/x'] })]);
  assert.deepEqual(entries(verdicts, verdicts.marks.ofSource(0)), [
    SYMBOL_PROGRAM_CLASS,
    1 | (1 << PROGRAM_CLASS_BITS),
    SYMBOL_SOURCE,
    1,
  ]);
  assert.notEqual(label(verdicts, 0, verdicts.marks.ofSource(0)), label(verdicts, 0));
});

test('equal rows are stored once', () => {
  const verdicts = verdictsOf([rule(exact('/a'), { sources: ['/x', '/y'] }), rule(exact('/b'), { sources: ['/y'] })]);
  for (const marks of [[0], [0, 1], [1]]) label(verdicts, ...marks);
  // With the two rows for what no rule matches: one for everything, and one for libraries.
  assert.equal(verdicts.rowWords().length / CELLS, 4);
});

test('combining many rules with many classes counts as work', () => {
  const rules = Array.from({ length: 50 }, (_, index) => rule(exact('/a'), { sources: [`/${index}`] }));
  const verdicts = verdictsOf(rules, new Budget({ ...DEFAULT_LIMITS, work: 500 }));
  assert.throws(() => label(verdicts, ...rules.keys()), LimitExceeded);
});

test('a rule for processes with a terminal holds only for those', () => {
  const verdicts = verdictsOf([rule(exact('/long'), { terminal: true }), rule(exact('/a'), { action: 'Audit' })]);
  const [, others, symbol, onTerminal] = entries(verdicts, 0, 1);
  assert.equal(symbol, SYMBOL_VERDICT + ACTOR_HAS_TERMINAL);
  assert.deepEqual(row(verdicts, others!).slice(2, 4), ['Audit 1', 'Audit 1']);
  assert.deepEqual(row(verdicts, onTerminal!).slice(2, 4), ['Block 0', 'Block 0']);
});
