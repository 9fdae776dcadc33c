import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Repeats } from '../../../../src/rpc/access/repeats.js';

function recording(milliseconds?: number) {
  const lines: object[] = [];
  const repeats = new Repeats(milliseconds);
  const write = (kind: string) => repeats.write(kind, (fields) => lines.push(fields), { kind }, 'refused');
  return { lines, repeats, write };
}

test('the first of equal lines is written at once and the others are summed up', () => {
  const { lines, repeats, write } = recording();
  for (let time = 0; time < 1000; time++) write('a');
  write('b');
  assert.deepEqual(lines, [{ kind: 'a' }, { kind: 'b' }]);
  repeats.close();
  assert.deepEqual(lines.slice(2), [{ kind: 'a', repeated: 999 }]);
});

test('the sum is written after a time, and again as long as the lines continue', async () => {
  const { lines, write } = recording(5);
  write('a');
  write('a');
  // The timer does not keep the process alive.
  const alive = setInterval(() => undefined, 1000);
  const sums = async (number: number) => {
    while (lines.length < number) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  await sums(2);
  write('a');
  await sums(3);
  clearInterval(alive);
  assert.deepEqual(lines[1], { kind: 'a', repeated: 1 });
});

test('lines of too many different kinds share one line', () => {
  const { lines, repeats, write } = recording();
  for (let number = 0; number < 10_000; number++) write(`${number}`);
  assert.equal(lines.length, 257);
  repeats.close();
  assert.equal(lines.length, 258);
  assert.deepEqual(lines.at(-1), { kind: '256', repeated: 9743 });
});
