import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget, DEFAULT_LIMITS, LimitExceeded } from '../../../src/image/limits.js';
import { addMatch } from '../../../src/image/matches.js';
import { NO_NODE, NondeterministicAutomaton } from '../../../src/image/nondeterministic.js';
import type { Match } from '../../../src/policy/model.js';
import { directory, exact, pattern } from './rule-sets.js';

const add = (automaton: NondeterministicAutomaton, match: Match, mark: number) =>
  addMatch(automaton, { match, action: 'Block' }, mark);
const empty = () => new NondeterministicAutomaton(new Budget(DEFAULT_LIMITS));

test('common prefixes share nodes', () => {
  const automaton = empty();
  add(automaton, pattern('/srv/*/{a,b}?[xy]1'), 0);
  const before = automaton.nodes;
  add(automaton, pattern('/srv/*/{a,b}?[xy]2'), 1);
  assert.equal(automaton.nodes, before + 2);
});

test('a wildcard after one that covers it adds no node', () => {
  const automaton = empty();
  const any = automaton.run(automaton.start, true);
  assert.equal(automaton.run(any, false), any);
  assert.equal(automaton.run(any, true), any);
  assert.notEqual(automaton.run(automaton.run(automaton.start, false), true), any);
});

test('a character of any length takes few nodes', () => {
  const automaton = empty();
  add(automaton, pattern('?'), 0);
  // The start, seven for the rest of a multi-byte character, its end, and the slash of a directory.
  assert.equal(automaton.nodes, 10);
});

test('transitions lead to nodes with higher numbers', () => {
  const automaton = empty();
  const matches = [exact('/a/b'), directory('/a/'), directory('/a/b/', true), pattern('/a{b,?{,c*}}d'), pattern('/**')];
  matches.forEach((match, index) => {
    add(automaton, match, index);
  });
  for (let node = 0; node < automaton.nodes; node++) {
    const targets: number[] = [];
    for (let at = automaton.firstChild.at(node); at !== NO_NODE; at = automaton.nextSibling.at(at)) targets.push(at);
    for (let at = automaton.firstRange.at(node); at !== NO_NODE; at = automaton.nextRange.at(at)) {
      targets.push(automaton.rangeTarget.at(at));
    }
    for (let at = automaton.firstEmpty.at(node); at !== NO_NODE; at = automaton.nextEmpty.at(at)) {
      targets.push(automaton.emptyTarget.at(at));
    }
    assert(targets.every((target) => target > node));
  }
});

test('a path with a NUL is not accepted', () => {
  const automaton = empty();
  assert.throws(() => add(automaton, exact('/a\0'), 0), RangeError);
});

test('nodes are counted against the limit as they are made', () => {
  const automaton = new NondeterministicAutomaton(new Budget({ ...DEFAULT_LIMITS, states: 10 }));
  assert.throws(() => automaton.literal(automaton.start, Buffer.alloc(1000, 'a')), LimitExceeded);
  assert.equal(automaton.nodes, 10);
});
