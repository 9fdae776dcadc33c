import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StreamEventsResponse } from '../../src/generated/hauberk/v1/event.js';
import { makeEvent } from '../unit/events/support.js';
import { failEachCall } from './failing-calls.js';
import { journaledEvents } from './journaled-events.js';

/**
 * A program, to be run with the library of failing calls: lets each system call of a journal fail in turn, and checks that
 * afterwards it has every published event that was not counted as lost, once and under its number, and that no number is given
 * out again. Parameters: an empty directory, the number of the error, a limit in seconds. Prints how many calls have failed.
 */

const [place = '', error = '', seconds = ''] = process.argv.slice(2);
const BATCHES = 4;
const EVENTS = 3;

type Journaled = Awaited<ReturnType<typeof journaledEvents>>;
const open = (directory: string) => journaledEvents(join(directory, 'journal'));
/** The number of the last published event, and how many were counted as lost. */
let last = 0;
let lost = 0;

async function writeBatches(daemon: Journaled, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const first = daemon.log.next;
    await daemon.write(Array.from({ length: EVENTS }, (_, index) => makeEvent({ hostPid: first + index })));
  }
  last = daemon.log.next - 1;
  ({ lost } = daemon.journal.counts());
}

async function prepare(round: number): Promise<string> {
  const directory = join(place, `${round}`);
  mkdirSync(directory);
  const daemon = await open(directory);
  await writeBatches(daemon, 1);
  await daemon.close();
  return directory;
}

async function write(directory: string): Promise<void> {
  let daemon: Journaled | undefined;
  try {
    daemon = await open(directory);
  } catch {
    // The daemon would not start, and say why.
    return;
  }
  await writeBatches(daemon, BATCHES);
  await daemon.close().catch(() => undefined);
}

async function check(directory: string, call: string): Promise<void> {
  const daemon = await open(directory);
  const numbers: number[] = [];
  for await (const { payload } of daemon.journal.read(0)) {
    for (const { sequence, hostPid } of StreamEventsResponse.decode(payload).events) {
      assert.equal(Number(sequence), hostPid, call);
      numbers.push(hostPid);
    }
  }
  await daemon.close();
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
    call,
  );
  assert.ok(daemon.journal.next > last, `${call}: ${daemon.journal.next} after ${last}`);
  const all = Array.from({ length: last }, (_, index) => index + 1);
  const missing = all.filter((number) => !numbers.includes(number));
  assert.equal(missing.length, lost, `${call}: ${missing.join(', ')} of ${last} are missing, ${lost} were counted`);
}

console.log(await failEachCall(Number(error), Number(seconds), prepare, write, check));
