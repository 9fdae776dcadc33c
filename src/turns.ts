import { Failure } from './failure.js';
import type { Steps } from './steps.js';

/** How long the event loop may be held before other work gets its turn. */
const TURN_MILLISECONDS = 5;

/** Work that waits for a turn, which comes to one after the other: none gets more than its share for having come first. */
const waiting: (() => void)[] = [];
/** When this turn began; undefined where no work has been done in it yet. */
let began: number | undefined;
let isNextScheduled = false;

/** What nobody waits for any more ends with this. */
export function callerHasGone(): Failure {
  return new Failure('unavailable', 'the caller has gone');
}

/** Lets events, streams, calls and other work have their turn between two pieces of work that take some milliseconds each. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    scheduleNext();
  });
}

/**
 * Passes items on one by one, and lets events, streams and calls have their turn between them.
 *
 * @param gone aborted when nobody waits for it any more
 * @throws Failure unavailable then
 */
export async function* inTurns<Item>(items: Iterable<Item>, gone?: AbortSignal): AsyncGenerator<Item> {
  // What makes an item may take long, the first as well.
  begin();
  for (const item of items) {
    if (isOver()) {
      await nextTurn();
      if (gone?.aborted) throw callerHasGone();
    }
    yield item;
  }
}

/** Lets others have their turn where this one has been long enough. */
export async function giveWay(): Promise<void> {
  if (isOver()) await nextTurn();
}

/** Goes through the steps of a piece of work in the same way. */
export async function finishInTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    if (isOver()) await nextTurn();
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Whether this turn has been long enough: all work that is done in it, since many short pieces may follow one another. */
function isOver(): boolean {
  begin();
  return performance.now() - began! > TURN_MILLISECONDS;
}

function begin(): void {
  if (began !== undefined) return;
  began = performance.now();
  scheduleNext();
}

function scheduleNext(): void {
  if (isNextScheduled) return;
  isNextScheduled = true;
  setImmediate(() => {
    isNextScheduled = false;
    began = undefined;
    const next = waiting.shift();
    if (next === undefined) return;
    begin();
    next();
  });
}
