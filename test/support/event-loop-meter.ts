import koffi from 'koffi';

const CLOCK_THREAD_CPUTIME_ID = 3;
const clockGettime = koffi.load('libc.so.6').func('int clock_gettime(int, void *)');

/** A struct timespec. */
const time = Buffer.alloc(16);

/** Work like that of requests, and how long it takes on the processor for which the tests' limits were chosen. */
const REFERENCE = Array.from({ length: 2000 }, (_, number) => ({
  name: `policy-${number}`,
  paths: ['/a', `/${number}`],
}));
const REFERENCE_MILLISECONDS = 2.5;
const REFERENCE_RUNS = 9;

/** Processor time of the calling thread, in milliseconds. */
function threadMilliseconds(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / 1e6;
}

/**
 * How many times slower the processor is now than the one for which limits were chosen, at least 1. One that shares its
 * core with other work takes twice the processor time for the same instructions.
 */
export function slowness(): number {
  const times = Array.from({ length: REFERENCE_RUNS }, () => {
    const before = threadMilliseconds();
    JSON.parse(JSON.stringify(REFERENCE));
    return threadMilliseconds() - before;
  });
  const median = times.sort((a, b) => a - b)[REFERENCE_RUNS >> 1]!;
  return Math.max(1, median / REFERENCE_MILLISECONDS);
}

/** Measures the processor time of turns of the event loop, which unlike wall-clock time does not grow with the load. */
export class EventLoopMeter {
  #worst = 0;
  #last = 0;
  #next: NodeJS.Immediate | undefined;

  start(): void {
    this.#worst = 0;
    this.#last = threadMilliseconds();
    if (this.#next === undefined) this.#turn();
  }

  /** Milliseconds of the longest turn since the start. */
  get worst(): number {
    return this.#worst;
  }

  stop(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  #turn(): void {
    const now = threadMilliseconds();
    this.#worst = Math.max(this.#worst, now - this.#last);
    this.#last = now;
    this.#next = setImmediate(() => this.#turn());
  }
}
