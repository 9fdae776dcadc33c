import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HookCoverage } from '../../../src/control/hook-coverage.js';
import { describeMissing, type MissingHook } from '../../../src/kernel/missing-hooks.js';
import { makePolicy, makeRule } from '../policy/support.js';

const missing = (program: string): MissingHook => ({
  program: `hauberk_${program}`,
  hook: program,
  cause: 'absent',
  reason: 'there is none',
});
const CHOWN = missing('path_chown');
const CAPABLE = missing('capable');

const files = (count: number) =>
  Array.from({ length: count }, (_, index) => makeRule({ id: `file[${index}]`, operations: ['attributes'] }));

test('a warning names a missing hook and the first five rules that need it', () => {
  const coverage = new HookCoverage([CHOWN, CAPABLE]);
  const warnings = (count: number) => coverage.warningsFor(makePolicy({ rules: files(count) }));
  const what = `not wholly in force: ${describeMissing(CHOWN)}`;
  assert.deepEqual(warnings(1), [`file[0] is ${what}`]);
  assert.deepEqual(warnings(2), [`file[0], file[1] are ${what}`]);
  assert.deepEqual(warnings(5), [`file[0], file[1], file[2], file[3], file[4] are ${what}`]);
  assert.deepEqual(warnings(7), [`file[0], file[1], file[2], file[3], file[4] and 2 more are ${what}`]);
});

test('a policy whose rules need no missing hook gets no warning', () => {
  const reading = makeRule({ operations: ['read'] });
  const capability = makeRule({ class: 'capabilities', match: { kind: 'capability', capability: 'kill' } });
  assert.deepEqual(new HookCoverage([CHOWN]).warningsFor(makePolicy({ rules: [reading, capability] })), []);
  assert.deepEqual(new HookCoverage([]).warningsFor(makePolicy({ rules: files(1) })), []);
  assert.equal(
    new HookCoverage([CHOWN, CAPABLE]).warningsFor(makePolicy({ rules: [capability, ...files(1)] })).length,
    2,
  );
});
