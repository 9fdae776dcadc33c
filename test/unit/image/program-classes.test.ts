import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyPrograms } from '../../../src/image/program-classes.js';
import { exact, rule, ruleSet } from './rule-sets.js';

const { rules } = ruleSet([
  rule(exact('/4444'), { sources: ['/a', '/b'] }),
  rule(exact('/333'), { sources: ['/c', '/a', '/b'] }),
  rule(exact('/22'), { sources: ['/d', '/c', '/c'] }),
  rule(exact('/1')),
]);

test('programs that the same rules name share a class', () => {
  const { classOf } = classifyPrograms(rules);
  assert.deepEqual(
    [...classOf],
    [
      ['/a', 1],
      ['/b', 1],
      ['/c', 2],
      ['/d', 3],
    ],
  );
});

test('a rule reaches the classes it names, and every class when it names none', () => {
  const { reaches } = classifyPrograms(rules);
  const reached = rules.map((_, index) => [0, 1, 2, 3].filter((programClass) => reaches(index, programClass)));
  assert.deepEqual(reached, [[1], [1, 2], [2, 3], [0, 1, 2, 3]]);
});

test('the classes named by any of some rules are listed once, upwards', () => {
  const { namedByAny } = classifyPrograms(rules);
  assert.deepEqual(namedByAny(Int32Array.of(2, 1, 3)), [1, 2, 3]);
  assert.deepEqual(namedByAny(Int32Array.of(3)), []);
});
