import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Caller, TooManyJobs, WorkThread } from '../../../src/control/work-thread.js';
import { Failure } from '../../../src/failure.js';
import { eventually } from '../../support/eventually.js';
import type { PartsJob } from '../../support/parts-thread.js';

const PROGRAM = fileURLToPath(new URL('../../support/parts-thread.js', import.meta.url));

function threadIn(t: TestContext): WorkThread<PartsJob, string, string> {
  const thread = new WorkThread<PartsJob, string, string>(PROGRAM, 'jobs');
  t.after(() => thread.close());
  return thread;
}

const caller = (identity: string, disconnected = new AbortController().signal): Caller => ({ identity, disconnected });

/** The result of a job, or the code of its failure. */
const outcome = (job: Promise<string>) => job.catch(({ code }: Failure) => code);

test('a job sends its parts in order, and then its result', async (t) => {
  const thread = threadIn(t);
  assert.equal(thread.isIdle, false);
  const parts: string[] = [];
  const { signal } = new AbortController();
  const job = thread.run({ name: 'a', parts: 3 }, caller('x', signal), (part) => parts.push(part));
  assert.equal(thread.isIdle, false);
  assert.equal(await job, 'a is done');
  assert.deepEqual(parts, ['a 1', 'a 2', 'a 3']);
  assert.equal(thread.isIdle, true);
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
  assert.equal(await thread.run({ name: 'b' }, caller('x')), 'b is done');
});

test('a Failure of a job is thrown for its caller, and the text of an internal error is not passed on', async (t) => {
  const thread = threadIn(t);
  await assert.rejects(thread.run({ name: 'a', fails: 'failure' }, caller('x')), (failure: Failure) => {
    const { code, message, problems } = failure;
    assert.deepEqual([code, message, problems], ['not-found', 'no a', [{ field: 'name', description: 'is wrong' }]]);
    return failure instanceof Failure;
  });
  for (const fails of ['error', 'thread'] as const) {
    await assert.rejects(thread.run({ name: 'a', fails }, caller('x')), (failure: Failure) => {
      assert.deepEqual([failure.code, failure.message], ['internal', 'internal error, see the log of hauberkd']);
      assert.notEqual(failure.cause, undefined);
      return true;
    });
    assert.equal(await thread.run({ name: 'b' }, caller('x')), 'b is done');
  }
});

test('clients take turns, and the jobs of each run in order', async (t) => {
  const thread = threadIn(t);
  const done: string[] = [];
  const run = (name: string, client: string) => thread.run({ name }, caller(client)).then(() => done.push(name));
  await Promise.all([run('a1', 'a'), run('a2', 'a'), run('a3', 'a'), run('b1', 'b'), run('b2', 'b'), run('c1', 'c')]);
  assert.deepEqual(done, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
});

test('eight jobs of a client may wait beside the running one, and more are refused', async (t) => {
  const thread = threadIn(t);
  const jobs = Array.from({ length: 9 }, (_, index) => thread.run({ name: `${index}` }, caller('a')));
  await assert.rejects(thread.run({ name: 'more' }, caller('a')), (failure: Failure) => {
    assert.ok(failure instanceof TooManyJobs);
    assert.equal(failure.code, 'resource-exhausted');
    assert.equal(failure.message, '8 jobs of this client wait already; try again later');
    return true;
  });
  const other = thread.run({ name: 'other' }, caller('b'));
  assert.equal((await Promise.all([...jobs, other])).length, 10);
  assert.equal(await thread.run({ name: 'again' }, caller('a')), 'again is done');
});

test('a job whose caller has disconnected is dropped if it waits, and ended if it runs', async (t) => {
  const thread = threadIn(t);
  const [running, waiting] = [new AbortController(), new AbortController()];
  const parts: string[] = [];
  const endless = { name: 'endless', parts: 1, isEndless: true } as const;
  const first = outcome(thread.run(endless, caller('a', running.signal), (part) => parts.push(part)));
  const dropped = outcome(thread.run({ name: 'dropped' }, caller('a', waiting.signal)));
  const kept = outcome(thread.run({ name: 'kept' }, caller('a')));
  const last = outcome(thread.run({ name: 'last' }, caller('b', waiting.signal)));
  await eventually(() => parts.length === 1);
  waiting.abort();
  assert.deepEqual(await Promise.all([dropped, last]), ['unavailable', 'unavailable']);
  assert.equal(thread.isIdle, false);
  running.abort();
  assert.deepEqual(await Promise.all([first, kept]), ['unavailable', 'kept is done']);
  await assert.rejects(thread.run({ name: 'late' }, caller('a', running.signal)), {
    code: 'unavailable',
    message: 'the caller has disconnected',
  });
});

test('closing the thread rejects the running job and those that wait', async (t) => {
  const thread = threadIn(t);
  const jobs = [
    thread.run({ name: 'endless', isEndless: true }, caller('a')),
    thread.run({ name: 'b' }, caller('a')),
    thread.run({ name: 'c' }, caller('c')),
  ].map((job) => job.catch(({ code, message }: Failure) => `${code} ${message}`));
  await thread.close();
  assert.deepEqual(
    await Promise.all(jobs),
    jobs.map(() => 'unavailable hauberkd is stopping'),
  );
  assert.equal(thread.isIdle, false);
});
