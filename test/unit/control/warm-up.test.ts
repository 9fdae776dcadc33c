import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { readObjects } from '../../../src/control/policy-reading.js';
import { warmUp } from '../../../src/control/warm-up.js';

const OPTIONS = { ignoreForeign: false, now: Date.now() };

test('changes are rehearsed to their end, and other work has its turns meanwhile', async () => {
  let isOver = false;
  let turns = 0;
  const other = (async () => {
    for (; !isOver; turns++) await setImmediate();
  })();
  await warmUp(async (manifest) => readObjects(manifest, OPTIONS, { warningsFor: () => [] }).inputs);
  isOver = true;
  await other;
  assert.ok(turns > 3, `${turns} turns`);
});
