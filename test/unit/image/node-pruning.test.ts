import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntBuffer } from '../../../src/image/integers.js';
import { Budget, DEFAULT_LIMITS } from '../../../src/image/limits.js';
import { addMatch } from '../../../src/image/matches.js';
import { NodePruning } from '../../../src/image/node-pruning.js';
import { NondeterministicAutomaton } from '../../../src/image/nondeterministic.js';
import { addProgram } from '../../../src/image/paths.js';
import type { Rule } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
import { directory, rule, ruleSet } from './rule-sets.js';

const PROGRAM = '/program';

/**
 * Three rules, on the directories `/longest/`, `/middle/` and `/s/` in this order, and a program. Returns which of them are
 * still followed once all have started and the second has been entered.
 */
function followed(...differences: Array<Partial<Rule>>): string[] {
  const directories = ['/longest/', '/middle/', '/s/'];
  const set = ruleSet(directories.map((name, index) => rule(directory(name, true), differences[index])));
  const automaton = new NondeterministicAutomaton(new Budget(DEFAULT_LIMITS));
  set.rules.forEach(({ rule: made }, index) => {
    addMatch(automaton, made, index);
  });
  addProgram(automaton, PROGRAM, set.rules.length + 1);
  const within = (name: string) => automaton.run(automaton.literal(automaton.start, Buffer.from(name)), true);
  const before = (name: string) => automaton.literal(automaton.start, Buffer.from(name.slice(0, -1)));
  const nodes = new Map([
    [before('/longest/'), 'before longest'],
    [within('/middle/'), 'within middle'],
    [before('/s/'), 'before s'],
    [before(PROGRAM), 'before program'],
  ]);
  const subset = new IntBuffer();
  for (const node of nodes.keys()) subset.push(node);
  finish(NodePruning.inSteps(automaton, set)).prune(subset);
  return [...subset.values.subarray(0, subset.length)].map((node) => nodes.get(node)!);
}

test('once a rule has matched for good, weaker rules are no longer followed; stronger rules and programs are', () => {
  assert.deepEqual(followed(), ['before longest', 'within middle', 'before program']);
});

test('rules of the other class are still followed', () => {
  const process = { class: 'process' } as const;
  assert.deepEqual(followed({}, {}, process), ['before longest', 'within middle', 'before s', 'before program']);
  assert.deepEqual(followed({}, process, {}), ['before longest', 'within middle', 'before s', 'before program']);
});

test('a rule that leaves something undecided stops no other', () => {
  const everything = ['before longest', 'within middle', 'before s', 'before program'];
  assert.deepEqual(followed({}, { action: 'Allow', readOnly: true }, {}), everything);
  const sources = ['/x'];
  assert.deepEqual(followed({ sources }, { sources }, { sources }), everything);
});

test('a rule that decides alone under a condition stops the others', () => {
  const stopped = ['before longest', 'within middle', 'before program'];
  assert.deepEqual(followed({}, { action: 'Allow', ownerOnly: true }, {}), stopped);
  assert.deepEqual(followed({}, { readOnly: true }, {}), stopped);
});
