import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Access } from '../../src/explain/access.js';
import { explain } from '../../src/explain/evaluate.js';
import { compileImage } from '../../src/image/compile.js';
import { classifyProgram, guard } from '../../src/image/walk.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { type Decisions, randomDecisions } from './random-decisions.js';
import { decisionRuns } from './runs.js';

const ACCESSES = 40;
const DIRECTORIES = [
  '/',
  '/a/',
  '/b/',
  '/a/b/',
  '/b/a/',
  '/a/a/',
  '/é/',
  '/ab/',
  '/a/b/a/',
  '/c/',
  '/dev/',
  '/dev/shm/',
];
const STRENGTH = ['Allow', 'Audit', 'Block'];

/** Two names of one directory. */
const renames = fc.tuple(fc.constantFrom(...DIRECTORIES), fc.constantFrom(...DIRECTORIES));

/** The same access with its path below a directory; undefined where the access is not to a path. */
function below(directory: string, { object, ...rest }: Access): Access | undefined {
  if (!('path' in object) || object.path === undefined || object.kind === 'call') return undefined;
  // The path of a kernel thread is empty, and the root is below no directory.
  if (object.path.length <= 1) return undefined;
  const path = Buffer.concat([Buffer.from(directory), object.path.subarray(1)]);
  return { ...rest, object: { ...object, path } };
}

function strongestChange({ bound, postures, accesses }: Decisions, from: string, to: string): string {
  let strongest = 'Allow';
  for (const access of accesses) {
    const [before, after] = [from, to].map((directory) => below(directory, access));
    if (before === undefined || after === undefined) continue;
    const [first, second] = [explain(bound, postures, before), explain(bound, postures, after)];
    if (first.action === second.action) continue;
    for (const { action } of [first, second]) {
      if (STRENGTH.indexOf(action) > STRENGTH.indexOf(strongest)) strongest = action;
    }
  }
  return strongest;
}

test('a rename of a directory is decided at least as strictly as any decision below it that it changes', () => {
  const seen = { Allow: 0, Audit: 0, Block: 0 };
  fc.assert(
    fc.property(randomDecisions(ACCESSES), renames, (decisions, [from, to]) => {
      const { words } = compileImage(resolveRules(decisions.bound, decisions.postures));
      const { action } = guard(words, Buffer.from(from), Buffer.from(to));
      seen[action]++;
      const change = strongestChange(decisions, from, to);
      assert.ok(STRENGTH.indexOf(action) >= STRENGTH.indexOf(change), `${from} to ${to}: ${action}, but ${change}`);
    }),
    decisionRuns(ACCESSES),
  );
  for (const [action, times] of Object.entries(seen)) assert.ok(times > 10, `${action}: ${times} times`);
});

test('no allowed rename of a directory changes the class of a program below it', () => {
  fc.assert(
    fc.property(randomDecisions(1), renames, fc.constantFrom('', 'b', 'b/c'), (decisions, [from, to], tail) => {
      const { words } = compileImage(resolveRules(decisions.bound, decisions.postures));
      const [before, after] = [from, to].map((directory) => classifyProgram(words, Buffer.from(directory + tail)));
      if (before !== after) assert.notEqual(guard(words, Buffer.from(from), Buffer.from(to)).action, 'Allow');
    }),
    decisionRuns(400),
  );
});
