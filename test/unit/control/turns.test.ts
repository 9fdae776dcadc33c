import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { mixedPolicy } from '../../../bench/support/rules.js';
import { compileImage, compileInSteps } from '../../../src/image/compile.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { finishInTurns } from '../../../src/turns.js';

test('while thousands of rules are compiled other work has its turn, and the image is the same', async () => {
  const policy = mixedPolicy('many', 4000);
  const ruleSet = resolveRules(
    policy.rules.map((rule) => ({ policy, rule })),
    { process: 'block', file: 'block', network: 'block', capabilities: 'block' },
  );
  let isCompiling = true;
  let turns = 0;
  const other = (async () => {
    for (; isCompiling; turns++) await setImmediate();
  })();
  const image = await finishInTurns(compileInSteps(ruleSet));
  isCompiling = false;
  await other;
  // Without a turn in between, the other work comes to one when all is done.
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(image.words, compileImage(ruleSet).words);
});
