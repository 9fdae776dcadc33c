import { readClock } from '../native/libc.js';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

/**
 * Nanoseconds to add to CLOCK_MONOTONIC for the time since the Unix epoch, as of now: setting the clock changes it.
 * Node.js reads the time of day in nanoseconds only once, when it starts.
 */
export function clockOffset(): bigint {
  const before = readClock(CLOCK_MONOTONIC);
  const now = readClock(CLOCK_REALTIME);
  return now - (before + readClock(CLOCK_MONOTONIC)) / 2n;
}
