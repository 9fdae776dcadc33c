import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget, DEFAULT_LIMITS } from '../../../src/image/limits.js';
import { classifyPrograms } from '../../../src/image/program-classes.js';
import { finish } from '../../../src/steps.js';
import { exact, rule, ruleSet } from './rule-sets.js';

const { rules } = ruleSet([
  rule(exact('/4444'), { sources: ['/a', '/b'] }),
  rule(exact('/333'), { sources: ['/c', '/a', '/b'] }),
  rule(exact('/22'), { sources: ['/d', '/c', '/c'] }),
  rule(exact('/1')),
]);

const classify = () => finish(classifyPrograms(rules, new Budget(DEFAULT_LIMITS)));

test('programs that are named by the same rules share a class', () => {
  const { sources, classOf } = classify();
  assert.deepEqual(sources, ['/a', '/b', '/c', '/d']);
  assert.deepEqual(
    sources.map((_, index) => classOf(Int32Array.of(index))),
    [3, 3, 2, 1],
  );
  assert.equal(classOf(Int32Array.of()), 0);
});

test('the class of a program in a directory that a rule names depends on all rules that name either', () => {
  const set = ruleSet([
    rule(exact('/333'), { sources: ['/bin/a', '/opt/**'] }),
    rule(exact('/22'), { sources: ['/bin/'] }),
  ]);
  const { sources, classOf, reaches } = finish(classifyPrograms(set.rules, new Budget(DEFAULT_LIMITS)));
  const both = classOf(Int32Array.of(sources.indexOf('/bin/a'), sources.indexOf('/bin/')));
  const one = classOf(Int32Array.of(sources.indexOf('/bin/')));
  assert.notEqual(both, one);
  assert.deepEqual([reaches(0, both), reaches(1, both), reaches(0, one), reaches(1, one)], [true, true, false, true]);
});

test('a rule reaches the classes it names, and every class when it names none', () => {
  const { reaches } = classify();
  const reached = rules.map((_, index) => [0, 1, 2, 3].filter((programClass) => reaches(index, programClass)));
  assert.deepEqual(reached, [[3], [2, 3], [1, 2], [0, 1, 2, 3]]);
});

test('the classes named by several rules are listed once, in ascending order', () => {
  const { namedByAny } = classify();
  assert.deepEqual(namedByAny(Int32Array.of(2, 1, 3)), [1, 2, 3]);
  assert.deepEqual(namedByAny(Int32Array.of(3)), []);
});
