/**
 * Writes batches to a journal until it is killed. Parameters: the journal's directory. Says on standard output of each
 * event that streams would have been given, by then, its number.
 */
import { writeSync } from 'node:fs';
import { makeEvent } from '../unit/events/support.js';
import { journaledEvents } from './journaled-events.js';

const STANDARD_OUTPUT = 1;
const BATCH_MAX = 40;

const daemon = await journaledEvents(process.argv[2]!);
writeSync(STANDARD_OUTPUT, `from ${daemon.journal.next}\n`);
for (let round = 0; ; round++) {
  const first = daemon.log.next;
  const count = 1 + ((first * 7919 + round) % BATCH_MAX);
  const events = Array.from({ length: count }, (_, index) => makeEvent({ hostPid: first + index }));
  const written = daemon.write(events);
  // Now and then several are under way.
  if (round % 3 === 0) void daemon.write([makeEvent({ hostPid: daemon.log.next })]);
  await written;
  writeSync(STANDARD_OUTPUT, `${first + count - 1}\n`);
}
