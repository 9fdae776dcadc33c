import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURE_NAMES, FIGURES, figureLine } from '../../../bench/figures.js';
import { GROUPS } from '../../../bench/groups.js';
import { BENCH_OBJECT } from '../../../bench/support/bench-object.js';
import { exactPath, missedPath, mixedPolicy } from '../../../bench/support/rules.js';
import { median, percentile } from '../../../bench/support/statistics.js';
import { ENFORCEMENT_OBJECT, lsmSections } from '../../../bench/vm/hooks.js';

test('every figure has a unit and a meaning, and is measured by one group', () => {
  for (const name of FIGURE_NAMES) {
    assert.match(FIGURES[name].unit, /^(ns|ms|s|bytes|MiB|ratio|events\/s|instructions)$/, name);
    assert.notEqual(FIGURES[name].meaning, '', name);
  }
  assert.deepEqual(GROUPS.flatMap(({ figures }) => figures).sort(), [...FIGURE_NAMES].sort());
});

test('a line has name, value with four digits, unit and target', () => {
  assert.deepEqual(JSON.parse(figureLine('compile_s_10000', 0.123456)), {
    name: 'compile_s_10000',
    value: 0.1235,
    unit: 's',
    target: '< 1',
  });
  assert.equal(JSON.parse(figureLine('match_ns_empty', 7)).target, null);
});

test('every hook of the enforcement has an empty program to be compared with', () => {
  const empty = new Set(lsmSections(BENCH_OBJECT).values());
  const hooks = [...lsmSections(ENFORCEMENT_OBJECT).values()];
  assert.ok(hooks.includes('lsm/file_open'));
  for (const hook of hooks) assert.ok(empty.has(hook), hook);
});

test('the paths that are matched have 40 bytes, and half of the rules name one', () => {
  for (const index of [4, 500, 5000]) {
    assert.equal(Buffer.byteLength(exactPath(index)), 40);
    assert.equal(missedPath(index).length, 40);
  }
  const { rules } = mixedPolicy('bench', 1000);
  const exact = rules.flatMap(({ match }) => (match.kind === 'exact' ? [match.path] : []));
  assert.equal(exact.length, 500);
  assert.ok(exact.includes(exactPath(500)));
  assert.ok(!exact.includes(missedPath(500)));
});

test('a percentile is one of the measured values, and needs at least one', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(
    percentile(
      Array.from({ length: 100 }, (_, index) => 100 - index),
      99,
    ),
    99,
  );
  assert.equal(percentile([5], 99), 5);
  assert.throws(() => median([]), /nothing was measured/);
});
