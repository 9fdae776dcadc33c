import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StreamEventsResponse } from '../../src/generated/hauberk/v1/event.js';
import { eventually } from '../support/eventually.js';
import { runWithFailingCalls } from '../support/failing-calls.js';
import { journaledEvents } from '../support/journaled-events.js';
import { makeEvent } from '../unit/events/support.js';

const WRITER = fileURLToPath(new URL('../support/journal-writer.js', import.meta.url));
/** HAUBERK_KILLS=1000 makes more rounds. */
const ROUNDS = Number(process.env.HAUBERK_KILLS ?? 8);
const BLOCK_BYTES = 4096;
/** After this no further system call is tried. */
const FAILING_CALLS_SECONDS = 30;

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-journal-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The events in the journal by number. */
async function eventsIn(directory: string) {
  const daemon = await journaledEvents(directory);
  const found: { sequence: number; hostPid: number }[] = [];
  for await (const { payload } of daemon.journal.read(0)) {
    for (const { sequence, hostPid } of StreamEventsResponse.decode(payload).events) {
      found.push({ sequence: Number(sequence), hostPid });
    }
  }
  await daemon.close();
  return { found, next: daemon.journal.next };
}

test('after any number of kill -9 every published event is in the journal once, under its number', async (t) => {
  const directory = join(temporaryDirectory(t), 'journal');
  let reported = 0;
  let position = '0';
  let hasLost = false;
  for (let round = 0; round < ROUNDS; round++) {
    const writer = spawn(process.execPath, [WRITER, directory, position], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    writer.stdout.on('data', (data) => {
      text += data;
    });
    await eventually(() => text.split('\n').length > 3);
    await sleep(Math.random() * 30);
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const [begun, ...rest] = text.split('\n').slice(0, -1);
    const from = Number(begun!.slice('from '.length));
    assert.ok(from > reported, `${from} was given out before`);
    const [number, released, lost] = rest.at(-1)!.split(' ');
    reported = Number(number);
    position = released!;
    hasLost ||= lost !== '0';
  }
  const { found, next } = await eventsIn(directory);
  const numbers = found.map(({ sequence }) => sequence);
  assert.ok(found.every(({ sequence, hostPid }) => sequence === hostPid));
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  );
  assert.ok(next > reported);
  // On a very busy machine the disk may be too slow, and events are then published without the journal.
  if (hasLost) return;
  assert.deepEqual(
    numbers,
    Array.from({ length: found.length }, (_, index) => index + 1),
  );
  assert.ok(found.length >= reported);
  assert.equal(next, found.length + 1);
});

test('a full disk delays no event: the journal has a gap, and then continues', async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'hauberk-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  t.after(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  const directory = join(disk, 'journal');
  const daemon = await journaledEvents(directory);
  const write = (count: number) => {
    const first = daemon.log.next;
    return daemon.write(Array.from({ length: count }, (_, index) => makeEvent({ hostPid: first + index })));
  };
  await write(10);
  const filling = join(disk, 'filling');
  assert.throws(() => writeFileSync(filling, Buffer.alloc(2 * 1024 * 1024)), { code: 'ENOSPC' });
  // A block may have been free.
  await write(Math.ceil(BLOCK_BYTES / 300) + 50);
  await write(10);
  const last = daemon.log.next - 1;
  assert.equal(daemon.hub.position.sequence, last);
  assert.ok(daemon.journal.counts().lost >= 20);
  rmSync(filling);
  await eventually(async () => {
    await write(1);
    return daemon.journal.counts().isWritable;
  });
  await write(5);
  const end = daemon.log.next - 1;
  const { lost } = daemon.journal.counts();
  await daemon.close();
  const { found, next } = await eventsIn(directory);
  assert.equal(found.length, end - lost);
  assert.ok(found.every(({ sequence, hostPid }) => sequence === hostPid));
  assert.deepEqual(
    found.slice(-5).map(({ sequence }) => sequence),
    [4, 3, 2, 1, 0].map((back) => end - back),
  );
  assert.equal(next, end + 1);
});

test('whichever system call fails, each published event is in the journal or counted as lost, and no number is reused', async (t) => {
  const directory = temporaryDirectory(t);
  const parameters = [directory, `${constants.errno.EIO}`, `${FAILING_CALLS_SECONDS}`];
  const { code, output } = await runWithFailingCalls('failing-journal.js', ...parameters);
  assert.equal(code, 0, output);
  t.diagnostic(`${output.trim()} calls`);
  assert.ok(Number(output) >= 5, output);
});
