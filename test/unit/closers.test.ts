import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Closers } from '../../src/closers.js';

function openClosers() {
  const lines: { msg: string; part: string; err: { message: string } }[] = [];
  return { closers: new Closers(pino({}, { write: (line) => void lines.push(JSON.parse(line)) })), lines };
}

test('closers run one after the other, in reverse order', async () => {
  const { closers, lines } = openClosers();
  const closed: string[] = [];
  closers.add('store', () => closed.push('store'));
  closers.add('kernel', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    closed.push('kernel');
  });
  closers.add('server', () => closed.push('server'));
  await closers.close();
  assert.deepEqual(closed, ['server', 'kernel', 'store']);
  assert.deepEqual(lines, []);
});

test('a closer that fails is logged with its cause, and the others still run', async () => {
  const { closers, lines } = openClosers();
  const closed: string[] = [];
  closers.add('store', () => closed.push('store'));
  closers.add('kernel', () => Promise.reject(new Error('it is gone')));
  closers.add('server', () => {
    throw new Error('in use');
  });
  await closers.close();
  assert.deepEqual(closed, ['store']);
  assert.deepEqual(
    lines.map(({ msg, part, err }) => [msg, part, err.message]),
    [
      ['a part of the daemon cannot be closed', 'server', 'in use'],
      ['a part of the daemon cannot be closed', 'kernel', 'it is gone'],
    ],
  );
});

test('a second call closes nothing again and waits for the end of the first', async () => {
  const { closers } = openClosers();
  let times = 0;
  let finish: () => void = () => undefined;
  closers.add('server', () => {
    times++;
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  const first = closers.close();
  let isOver = false;
  const second = closers.close().then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isOver, false);
  finish();
  await Promise.all([first, second]);
  assert.equal(times, 1);
});
