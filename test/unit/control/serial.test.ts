import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedQueue } from '../../../src/control/keyed-queue.js';
import { Serial } from '../../../src/control/serial.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('tasks run one after the other in order, urgent ones before waiting ones', async () => {
  const serial = new Serial();
  const done: string[] = [];
  const task = (name: string) => async () => {
    done.push(`${name} begins`);
    await turn();
    done.push(`${name} ends`);
    return name;
  };
  const results = [serial.run(task('a')), serial.run(task('b')), serial.runNext(task('urgent'))];
  assert.deepEqual(await Promise.all(results), ['a', 'b', 'urgent']);
  assert.deepEqual(
    done,
    ['a', 'urgent', 'b'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
  assert.equal(await serial.run(async () => 'later'), 'later');
});

test('a task that fails rejects only for its caller, and the next one runs', async () => {
  const serial = new Serial();
  const failing = serial.run(() => {
    throw new Error('no');
  });
  const next = serial.run(async () => 1);
  await assert.rejects(failing, /no/);
  assert.equal(await next, 1);
});

/** Whether a turn has come already. */
async function hasCome({ come }: { come: Promise<void> }): Promise<boolean> {
  return Promise.race([come.then(() => true), turn().then(() => false)]);
}

test('work with the same key waits for earlier work with that key, and for nothing else', async () => {
  const order = new KeyedQueue();
  const first = order.enter(['a', 'b']);
  const other = order.enter(['c']);
  const second = order.enter(['b']);
  const third = order.enter(['b']);
  assert.deepEqual([await hasCome(first), await hasCome(other), await hasCome(second)], [true, true, false]);
  first.end();
  assert.deepEqual([await hasCome(second), await hasCome(third)], [true, false]);
  second.end();
  assert.equal(await hasCome(third), true);
  third.end();
  assert.equal(await hasCome(order.enter(['a'])), true);
});

test('work on everything waits for all work in progress, and all later work waits for it', async () => {
  const order = new KeyedQueue();
  const first = order.enter(['a']);
  const all = order.enter();
  const later = order.enter(['b']);
  assert.deepEqual([await hasCome(all), await hasCome(later)], [false, false]);
  first.end();
  assert.deepEqual([await hasCome(all), await hasCome(later)], [true, false]);
  all.end();
  assert.equal(await hasCome(later), true);
  assert.equal(await hasCome(order.enter(['c'])), true);
});
