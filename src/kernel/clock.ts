import koffi from 'koffi';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const NANOSECONDS = 1_000_000_000n;
/** struct timespec, where a long has 8 bytes. */
const time = new BigInt64Array(2);
const readClock = koffi.load('libc.so.6').func('int clock_gettime(int clock, void *time)');

/**
 * Nanoseconds to add to CLOCK_MONOTONIC for the time since the Unix epoch, as of now: setting the clock changes it.
 * Node.js reads the time of day in nanoseconds only once, when it starts.
 */
export function clockOffset(): bigint {
  const before = read(CLOCK_MONOTONIC);
  const now = read(CLOCK_REALTIME);
  return now - (before + read(CLOCK_MONOTONIC)) / 2n;
}

function read(clock: number): bigint {
  readClock(clock, time);
  return time[0]! * NANOSECONDS + time[1]!;
}
