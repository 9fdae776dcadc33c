import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { warmUp } from '../../../src/control/warm-up.js';

test('the warm-up makes a whole change, and other work can run meanwhile', async () => {
  let isOver = false;
  let turns = 0;
  const other = (async () => {
    for (; !isOver; turns++) await setImmediate();
  })();
  await warmUp();
  isOver = true;
  await other;
  // At least between reading and applying.
  assert.ok(turns >= 5, `${turns} turns`);
});
