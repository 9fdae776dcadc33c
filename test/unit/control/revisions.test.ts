import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Revisions } from '../../../src/control/revisions.js';

const never = new AbortController().signal;

test('a revision is in the kernel once its change and all earlier ones are complete', () => {
  const revisions = new Revisions(3);
  assert.deepEqual([revisions.written, revisions.enforced], [3, 0]);
  revisions.begin(4);
  revisions.begin(5);
  assert.equal(revisions.written, 5);
  revisions.end(5, true);
  assert.equal(revisions.enforced, 3);
  revisions.end(4, true);
  assert.equal(revisions.enforced, 5);
});

test('a change that the kernel refused counts once it has been published again', () => {
  const revisions = new Revisions(0);
  revisions.begin(1);
  revisions.end(1, false);
  assert.equal(revisions.enforced, 0);
  revisions.settle();
  assert.equal(revisions.enforced, 1);
  revisions.begin(2);
  revisions.settle();
  assert.equal(revisions.enforced, 1);
});

test('a caller that waits for a revision is notified once the kernel has it, without waiting for later ones', async () => {
  const revisions = new Revisions(0);
  revisions.begin(1);
  revisions.begin(2);
  const reported: string[] = [];
  const first = revisions.whenEnforced(1, never).then((revision) => reported.push(`first ${revision}`));
  const second = revisions.whenEnforced(2, never).then((revision) => reported.push(`second ${revision}`));
  revisions.end(1, true);
  await first;
  assert.deepEqual(reported, ['first 1']);
  revisions.end(2, true);
  await second;
  assert.deepEqual(reported, ['first 1', 'second 2']);
  assert.equal(await revisions.whenEnforced(1, never), 2);
});

test('a caller that stops waiting is not notified', async () => {
  const revisions = new Revisions(0);
  const givenUp = new AbortController();
  const waiting = revisions.whenEnforced(1, givenUp.signal);
  givenUp.abort();
  assert.equal(await waiting, undefined);
});
