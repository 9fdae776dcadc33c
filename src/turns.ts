import { setImmediate } from 'node:timers/promises';
import { Failure } from './failure.js';
import type { Steps } from './image/steps.js';

/** How long the event loop may be held before other work gets its turn. */
const TURN_MILLISECONDS = 5;

/** What nobody waits for any more ends with this. */
export function callerHasGone(): Failure {
  return new Failure('unavailable', 'the caller has gone');
}

/** Lets events, streams and calls have their turn between two pieces of work that take some milliseconds each. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}

/**
 * Passes items on one by one, and lets events, streams and calls have their turn between them.
 *
 * @param gone aborted when nobody waits for it any more
 * @throws Failure unavailable then
 */
export async function* inTurns<Item>(items: Iterable<Item>, gone?: AbortSignal): AsyncGenerator<Item> {
  let began = performance.now();
  for (const item of items) {
    if (performance.now() - began > TURN_MILLISECONDS) {
      await setImmediate();
      if (gone?.aborted) throw callerHasGone();
      began = performance.now();
    }
    yield item;
  }
}

/** Goes through the steps of a piece of work in the same way. */
export async function finishInTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let began = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - began > TURN_MILLISECONDS) {
      await setImmediate();
      began = performance.now();
    }
  }
}
