import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adoptInPieces } from '../../../src/control/adoption.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a change is made in pieces of 1,024, in order, and is complete when all of them are', async () => {
  const pieces: number[][] = [];
  let finish: () => void = () => undefined;
  const last = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { published } = await adoptInPieces(numbers(2050), async (piece) => {
    pieces.push(piece);
    if (pieces.length === 3) await last;
  });
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [1024, 1024, 2],
  );
  assert.deepEqual(pieces.flat(), numbers(2050));
  let isOver = false;
  void published.then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isOver, false);
  finish();
  await published;
});

test('no piece of a change is empty', async () => {
  for (const count of [0, 1024]) {
    const pieces: number[] = [];
    const { published } = await adoptInPieces(numbers(count), async ({ length }) => void pieces.push(length));
    await published;
    assert.deepEqual(pieces, count === 0 ? [] : [1024]);
  }
});

test('when a piece fails the change fails, once the others are complete', async () => {
  let done = 0;
  const { published } = await adoptInPieces(numbers(2000), async ({ length }) => {
    if (length === 1024) throw new Error('no memory');
    await new Promise((resolve) => setImmediate(resolve));
    done++;
  });
  await assert.rejects(published, /no memory/);
  assert.equal(done, 1);
});
