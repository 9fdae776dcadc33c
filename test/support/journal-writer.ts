/**
 * Writes batches to a journal until it is killed. Parameters: the journal's directory, and up to where the kernel's ring was read.
 * After each batch prints the number of the last published event, the position up to which the ring is
 * read, which outlives the process, and how many events were lost because the disk was too slow.
 */
import { writeSync } from 'node:fs';
import { makeEvent } from '../unit/events/support.js';
import { journaledEvents } from './journaled-events.js';

const STANDARD_OUTPUT = 1;
const BATCH_MAX = 40;

const daemon = await journaledEvents(process.argv[2]!, { position: BigInt(process.argv[3]!) });
writeSync(STANDARD_OUTPUT, `from ${daemon.journal.next}\n`);
for (let round = 0; ; round++) {
  const first = daemon.log.next;
  const count = 1 + ((first * 7919 + round) % BATCH_MAX);
  const events = Array.from({ length: count }, (_, index) => makeEvent({ hostPid: first + index }));
  const written = daemon.write(events);
  // Sometimes several writes are in progress.
  if (round % 3 === 0) void daemon.write([makeEvent({ hostPid: daemon.log.next })]);
  await written;
  const { lost } = daemon.journal.counts();
  writeSync(STANDARD_OUTPUT, `${first + count - 1} ${daemon.ring.released} ${lost}\n`);
}
