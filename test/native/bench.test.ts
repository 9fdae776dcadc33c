import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { FIGURE_NAMES } from '../../bench/figures.js';
import { virtualMachine } from '../../bench/groups.js';
import { IS_LONG_RUN } from '../support/long-run.js';

/** Figures with hundreds of policies, thousands of containers or streams, or 4 MB of text take minutes. */
const LARGE = /_(10000|10000_.*|500_policies|1000_.*)$|_mix_500|^(journal|streams|hostile)_/;

test(`the benchmark measures every figure that needs no virtual machine${IS_LONG_RUN ? '' : ', but for the large ones'}`, () => {
  const native = FIGURE_NAMES.filter(
    (name) => !virtualMachine.figures.includes(name) && (IS_LONG_RUN || !LARGE.test(name)),
  );
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['build/bench/main.js', '--quick', '--only', `^(${native.join('|')})$`],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const measured = stdout.trim().split('\n');
  assert.deepEqual(measured.map((line) => JSON.parse(line).name).sort(), [...native].sort());
  for (const line of measured) assert.ok(JSON.parse(line).value > 0, line);
});
