import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextImmediate } from 'node:timers/promises';
import { mixedPolicy } from '../../bench/support/rules.js';
import { compileImage, compileInSteps } from '../../src/image/compile.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import type { Steps } from '../../src/steps.js';
import { finishInTimeSlices } from '../../src/time-slices.js';

test('while thousands of rules are compiled other work can run, and the image is the same', async () => {
  const policy = mixedPolicy('many', 4000);
  const ruleSet = resolveRules(
    policy.rules.map((rule) => ({ policy, rule })),
    { process: 'block', file: 'block', network: 'block', capabilities: 'block' },
  );
  let isCompiling = true;
  let turns = 0;
  const other = (async () => {
    for (; isCompiling; turns++) await nextImmediate();
  })();
  const image = await finishInTimeSlices(compileInSteps(ruleSet));
  isCompiling = false;
  await other;
  // Without yielding, the other work would get a single turn at the end.
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(image.words, compileImage(ruleSet).words);
});

function* busy(steps: number, onStep: () => void = () => undefined): Steps<void> {
  for (let step = 0; step < steps; step++) {
    const end = performance.now() + 1;
    while (performance.now() < end);
    onStep();
    yield;
  }
}

test('many short pieces of work in a row still yield to other work', async () => {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  for (let piece = 0; piece < 60; piece++) await finishInTimeSlices(busy(1));
  isDone = true;
  assert.ok(turns >= 6, `${turns} turns`);
});

test('concurrent tasks share the turns, whichever came first', async () => {
  const done = { first: 0, second: 0 };
  const first = finishInTimeSlices(busy(60, () => done.first++));
  const second = finishInTimeSlices(busy(60, () => done.second++));
  await first;
  assert.ok(done.second >= 40, `${done.second} steps`);
  await second;
});
