import { Failure } from './failure.js';
import type { Steps } from './steps.js';

/** How long work may hold the event loop before other work can run. */
const SLICE_MILLISECONDS = 5;

/** Work that waits for a time slice. Slices are given in order, so that none gets more than its share. */
const waiting: (() => void)[] = [];
/** When this time slice began; undefined if no work has been done in it yet. */
let began: number | undefined;
let isNextScheduled = false;

/** Ends work whose caller no longer waits for it. */
export function callerDisconnected(): Failure {
  return new Failure('unavailable', 'the caller has disconnected');
}

/** Lets events, streams, calls and other work run between two pieces of work that take some milliseconds each. */
export function nextTimeSlice(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    scheduleNext();
  });
}

/**
 * Yields items one by one, and lets events, streams and calls run between them.
 *
 * @param disconnected aborted when the caller has disconnected
 * @throws Failure unavailable then
 */
export async function* inTimeSlices<Item>(items: Iterable<Item>, disconnected?: AbortSignal): AsyncGenerator<Item> {
  // Producing an item may take long, even the first.
  begin();
  for (const item of items) {
    if (isOver()) {
      await nextTimeSlice();
      if (disconnected?.aborted) throw callerDisconnected();
    }
    yield item;
  }
}

/** Lets other work run if this time slice is used up. */
export async function giveWay(): Promise<void> {
  if (isOver()) await nextTimeSlice();
}

/** Runs the steps of a piece of work in the same way. */
export async function finishInTimeSlices<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    if (isOver()) await nextTimeSlice();
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Whether this time slice is used up, counting all work in it, since many short pieces may follow one another. */
function isOver(): boolean {
  begin();
  return performance.now() - began! > SLICE_MILLISECONDS;
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
