import type { SecurityEvent } from './event.js';
import { noteOf } from './note.js';

/** The policy named in a note of records that the kernel dropped. */
export const RING_FULL = 'RingFull';

/** @param time nanoseconds since the Unix epoch at which it was noticed */
export function droppedRecords(lost: number, time: bigint): SecurityEvent {
  const message = `${lost} records were dropped here by the kernel, as they were not read in time`;
  return { ...noteOf(RING_FULL, message, undefined, time), lost };
}
