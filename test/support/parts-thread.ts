import { serveJobs } from '../../src/control/thread-program.js';
import { Failure } from '../../src/failure.js';

/** Runs in a thread of its own, for test/unit/control/work-thread.test.ts. */

export interface PartsJob {
  readonly name: string;
  /** How many parts it sends before its result. */
  readonly parts?: number;
  readonly fails?: 'failure' | 'error' | 'thread';
  /** It never ends. */
  readonly isEndless?: true;
}

serveJobs(function* ({ name, parts = 0, fails, isEndless }: PartsJob): Generator<string, string, void> {
  for (let part = 1; part <= parts; part++) yield `${name} ${part}`;
  while (isEndless);
  if (fails === 'failure') throw new Failure('not-found', `no ${name}`, [{ field: 'name', description: 'is wrong' }]);
  if (fails === 'error') throw new Error('broken');
  // A function cannot be sent to another thread.
  if (fails === 'thread') return (() => name) as never;
  return `${name} is done`;
});
