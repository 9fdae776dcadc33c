import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOfDiff } from '../../../tools/mutate/changed-lines.js';
import { ImportGraph } from '../../../tools/mutate/import-graph.js';
import { changesIn, mutate } from '../../../tools/mutate/mutants.js';
import { type Result, report, scoreOf } from '../../../tools/mutate/results.js';

const mutantsOf = (code: string) => changesIn(code).map((change) => mutate(code, change));

test('a fault is an operator, a condition, a constant or a statement that is another one or none', () => {
  assert.deepEqual(mutantsOf('a(b <= c);'), [';', 'a(b < c);']);
  assert.deepEqual(mutantsOf('if (!a) throw b;'), [
    'if (true) throw b;',
    'if (false) throw b;',
    'if (a) throw b;',
    'if (!a) ;',
  ]);
  assert.deepEqual(mutantsOf('export const a = { sync: true, most: 4 };'), [
    'export const a = { sync: false, most: 4 };',
    'export const a = { sync: true, most: 5 };',
  ]);
  assert.deepEqual(mutantsOf('export const a = b ?? c;'), ['export const a = b;']);
  assert.deepEqual(mutantsOf('class A extends B { constructor() { super(); } }'), []);
});

test('lines that differ from a revision are those that a diff adds', () => {
  const diff = '--- src/a.ts\n+++ src/a.ts\n@@ -3,0 +4,2 @@\n+x\n+y\n@@ -9 +12 @@\n-a\n+b\n@@ -20,2 +22,0 @@\n-c\n-d\n';
  assert.deepEqual(
    [...linesOfDiff(diff)].map(([file, lines]) => [file, [...lines]]),
    [['src/a.ts', [4, 5, 12]]],
  );
});

test('the tests of a file are found through what they import', () => {
  const distances = new ImportGraph().distancesFrom('build/test/unit/tools/mutate.test.js');
  assert.equal(distances.get('build/tools/mutate/mutants.js'), 1);
  assert.equal(distances.get('build/src/daemon.js'), undefined);
});

test('the score counts what no test runs as missed, and each of those is named with its line', () => {
  const results: Result[] = ['killed', 'killed', 'survived', 'untested'];
  const judged = results.map((result, line) => ({
    mutant: { source: 'src/a.ts', id: `src/a.ts#${line}`, line, change: 'a → b' },
    result,
  }));
  assert.equal(scoreOf(judged), 50);
  const text = report(judged, 9);
  assert.match(text, /\| src\/a\.ts \| 4 \| 2 \| 1 \| 1 \| 50 % \|/);
  assert.match(text, /^src\/a\.ts:2: survived: a → b$/m);
  assert.match(text, /4 of 9 mutants were tried; score 50 %/);
});
