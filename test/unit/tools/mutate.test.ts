import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterEach, before, casesOf, describe, runCase, test as stubTest } from '../../../tools/mutate/cases.js';
import { linesOfDiff } from '../../../tools/mutate/changed-lines.js';
import { ImportGraph } from '../../../tools/mutate/import-graph.js';
import { changesIn, instrument, mutate } from '../../../tools/mutate/mutants.js';
import { type Result, report, scoreOf } from '../../../tools/mutate/results.js';

const mutantsOf = (code: string) => changesIn(code).map((change) => mutate(code, change));

test('a mutant replaces or removes an operator, a condition, a constant or a statement', () => {
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
  // Yielding to other work changes no result.
  assert.deepEqual(mutantsOf('function* a() { yield; }'), []);
  assert.deepEqual(mutantsOf('await nextTimeSlice();'), []);
  assert.deepEqual(mutantsOf('function* a() { if (isStep(place++)) yield; }'), []);
  assert.deepEqual(mutantsOf('if (b > 16) await nextTimeSlice();'), []);
  assert.equal(mutantsOf('if (b > 16) await nextTimeSlice(); else c();').length, 5);
  assert.deepEqual(mutantsOf('await other();'), [';']);
  assert.deepEqual(mutantsOf('function* a() { yield b; yield* c; }'), [
    'function* a() { ; yield* c; }',
    'function* a() { yield b; ; }',
  ]);
  assert.deepEqual(mutantsOf('class A extends B { constructor() { super(); } }'), []);
});

test('an instrumented module works as before, and with an active mutant like that mutant', () => {
  const code = `export const f = (a, b) => {
    let n = (a && b) || 1;
    if (!a) n += a <= b ? 10 : 2; else n--;
    if (n > 5 && b === true) throw n;
    return [n ?? 7, { one: 1, [a]: false }, (n === b) === true];
  };`;
  const functionIn = (text: string, isOn: (mutant: number) => boolean) =>
    new Function('$isOn', text.slice(text.indexOf('export const f')).replace('export const f =', 'return'))(isOn);
  const answersOf = (f: (a: unknown, b: unknown) => unknown) =>
    [0, 1, 7, true, undefined].flatMap((a) =>
      [0, 9, true, null].map((b) => {
        try {
          return f(a, b);
        } catch (thrown) {
          return `throws ${thrown}`;
        }
      }),
    );
  const instrumented = instrument(code, 'src/a.ts', './switch.js');
  assert.deepEqual(answersOf(functionIn(instrumented, () => false)), answersOf(functionIn(code, () => false)));
  const changes = changesIn(code);
  assert.ok(changes.length > 20);
  for (const [index, change] of changes.entries()) {
    const isOn = (mutant: number) => mutant === index;
    const mutated = functionIn(mutate(code, change), isOn);
    assert.deepEqual(answersOf(functionIn(instrumented, isOn)), answersOf(mutated), JSON.stringify(change.replacement));
  }
});

test('the cases of a file run one by one, each with its hooks', async () => {
  const done: string[] = [];
  const cases = await casesOf(async () => {
    describe('a group', () => {
      before(() => done.push('before'));
      afterEach(() => done.push('after each'));
      stubTest('one', (t) => {
        t.after(() => done.push('after one'));
        done.push('one');
      });
    });
    stubTest('left out', { skip: true }, () => done.push('left out'));
    stubTest('fails', () => assert.fail('no'));
  });
  assert.deepEqual(
    cases.map(({ name }) => name),
    ['one', 'fails'],
  );
  await runCase(cases[0]!);
  await runCase(cases[0]!);
  const once = ['before', 'one', 'after one', 'after each'];
  assert.deepEqual(done, [...once, ...once]);
  await assert.rejects(runCase(cases[1]!), /no/);
});

test('changed lines are those that a diff adds', () => {
  const diff = '--- src/a.ts\n+++ src/a.ts\n@@ -3,0 +4,2 @@\n+x\n+y\n@@ -9 +12 @@\n-a\n+b\n@@ -20,2 +22,0 @@\n-c\n-d\n';
  assert.deepEqual(
    [...linesOfDiff(diff)].map(([file, lines]) => [file, [...lines]]),
    [['src/a.ts', [4, 5, 12]]],
  );
});

test('the tests of a file are found by their imports', () => {
  const distances = new ImportGraph().distancesFrom('build/test/unit/tools/mutate.test.js');
  assert.equal(distances.get('build/tools/mutate/mutants.js'), 1);
  assert.equal(distances.get('build/src/daemon.js'), undefined);
});

test('mutants that no test reaches count as missed, and each is listed with its line', () => {
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
