import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Journal } from '../../../src/journal/journal.js';
import { LogRecorder, temporaryDirectory } from '../rpc/support.js';

const LIMITS = { bytes: 1024 * 1024, seconds: 3600 };
const RING = { id: 7n, position: 0n };

interface Options {
  readonly limits?: typeof LIMITS;
  readonly ring?: typeof RING;
}

/** The journal of one daemon. */
async function openIn(directory: string, { limits = LIMITS, ring = RING }: Options = {}) {
  const logger = new LogRecorder();
  const journal = await Journal.open(directory, limits, ring, logger);
  let { next } = journal;
  let position = ring.position;
  const append = (count: number, bytes: number, time: bigint) => {
    const first = next;
    next += count;
    const payload = Buffer.alloc(bytes, first);
    return new Promise<void>((done) => {
      const mark = { ringPosition: position, ringId: ring.id, dropped: 0n };
      journal.append({ first, count, earliest: time, latest: time, ...mark, payload, done });
    });
  };
  return {
    journal,
    logger,
    next: () => next,
    /** Writes a batch from the ring and waits for it. */
    write(count: number, bytes = 100 * count, time = BigInt(Date.now()) * 1_000_000n) {
      position += 8n;
      return append(count, bytes, time);
    },
    /** Writes events that do not come from the ring and waits for them. */
    add: (count: number) => append(count, 100 * count, BigInt(Date.now()) * 1_000_000n),
    close: () => journal.close(() => next),
  };
}

async function rangesIn(journal: Journal, after = 0, since?: bigint): Promise<[number, number][]> {
  const ranges: [number, number][] = [];
  for await (const { first, count } of journal.read(after, since)) ranges.push([first, first + count - 1]);
  return ranges;
}

const filesOf = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.events'));

/** Puts a directory in the place of a file: removing it fails as on a failing disk, also for root. */
function makeUnremovable(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function directoryOf(t: TestContext): string {
  return join(temporaryDirectory(t), 'journal');
}

describe('the journal', () => {
  test('returns written events from any sequence number or time on', async (t) => {
    const { journal, write, close } = await openIn(directoryOf(t));
    for (const count of [3, 1, 2]) await write(count, 100, BigInt(count));
    assert.deepEqual(await rangesIn(journal), [
      [1, 3],
      [4, 4],
      [5, 6],
    ]);
    assert.deepEqual(await rangesIn(journal, 3), [
      [4, 4],
      [5, 6],
    ]);
    assert.deepEqual(await rangesIn(journal, 5), [[5, 6]]);
    assert.deepEqual(await rangesIn(journal, 6), []);
    assert.deepEqual(await rangesIn(journal, 0, 2n), [
      [1, 3],
      [5, 6],
    ]);
    await close();
  });

  test('continues with the next number after a regular end, and after a kill', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    await first.close();
    const second = await openIn(directory, { ring: { id: 8n, position: 0n } });
    assert.equal(second.next(), 4);
    await second.write(2);
    // Not closed, as after kill -9.
    const third = await openIn(directory, { ring: { id: 8n, position: 0n } });
    assert.equal(third.next(), 6);
    assert.equal(third.journal.run, first.journal.run);
    assert.equal(third.journal.last?.ringPosition, 8n);
    await third.write(1);
    assert.deepEqual(await rangesIn(third.journal), [
      [1, 3],
      [4, 5],
      [6, 6],
    ]);
    await third.close();
  });

  test('uses no number twice after a power cut, and reports the missing ones', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    // After a boot there is another ring, and what was not on disk is lost.
    truncateSync(join(directory, filesOf(directory)[0]!), 0);
    const second = await openIn(directory, { ring: { id: 8n, position: 0n } });
    assert.ok(second.next() > 4096);
    assert.match(second.logger.lines[0]!.message, /not in the journal/u);
    const range = { first: 1, last: second.next() - 1 };
    const state = { ring: { id: '8', position: '0' }, recorded: undefined, isBehind: false };
    assert.deepEqual(second.logger.lines[0]!.fields, { ...range, ...state });
    await second.write(1);
    assert.deepEqual(await rangesIn(second.journal), [[second.next() - 1, second.next() - 1]]);
    await second.close();
  });

  test('counts events that were read from the ring without the journal as lost numbers', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    const second = await openIn(directory, { ring: { id: 7n, position: 800n } });
    assert.ok(second.next() > 4096);
    await second.close();
  });

  test('uses no number twice for events that were published during a disk failure and did not come from the ring', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    t.mock.method(first.journal.files, 'append', () => Promise.reject(new Error('disk full')));
    for (let batch = 0; batch < 20; batch++) await first.add(1000);
    const published = first.next() - 1;
    // Not closed, as after kill -9.
    const second = await openIn(directory, { ring: { id: 7n, position: 8n } });
    assert.ok(second.next() > published, `${second.next()} after ${published}`);
    assert.equal(second.journal.run, first.journal.run);
    await second.close();
  });

  test('continues without a gap if the disk worked again before the kill', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    const append = t.mock.method(first.journal.files, 'append', () => Promise.reject(new Error('disk full')));
    await first.add(2);
    append.mock.restore();
    t.mock.method(performance, 'now', () => Number.MAX_SAFE_INTEGER);
    await first.add(4);
    const second = await openIn(directory, { ring: { id: 7n, position: 8n } });
    assert.equal(second.next(), first.next());
    assert.deepEqual(await rangesIn(second.journal), [
      [1, 3],
      [6, 9],
    ]);
    await second.close();
  });

  test('never exceeds its size, and deletes the oldest events first', async (t) => {
    const directory = directoryOf(t);
    const { journal, write, close } = await openIn(directory, { limits: { bytes: 64 * 1024, seconds: 3600 } });
    for (let number = 0; number < 300; number++) {
      await write(10);
      const bytes = filesOf(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
      assert.ok(bytes <= 64 * 1024, `${bytes}`);
    }
    const ranges = await rangesIn(journal);
    assert.equal(ranges.at(-1)?.[1], 3000);
    assert.ok(ranges.length >= 40);
    assert.equal(ranges.length, (3000 - ranges[0]![0] + 1) / 10);
    await close();
  });

  test('deletes events that are too old', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(1, 200_000, 1n);
    await first.write(1, 200_000, 1n);
    await first.write(1);
    assert.deepEqual(await rangesIn(first.journal), [[3, 3]]);
    await first.close();
  });

  test('goes on while old events cannot be removed, says so once, and removes them later', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const directory = directoryOf(t);
    const { journal, write, logger, close } = await openIn(directory);
    await write(1, 200_000, 1n);
    const oldest = join(directory, filesOf(directory)[0]!);
    makeUnremovable(oldest);
    for (let number = 0; number < 2; number++) await write(1, 200_000);
    for (let minute = 0; minute < 3; minute++) t.mock.timers.tick(60_000);
    assert.equal(journal.counts().lost, 0);
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [['warn', 'old events cannot be removed from the journal']],
    );
    rmdirSync(oldest);
    t.mock.timers.tick(60_000);
    assert.equal(journal.files.segments.length, 2);
    assert.equal(logger.lines[1]?.message, 'old events are removed from the journal again');
    await close();
  });

  test('counts events as lost rather than exceed its size where old ones cannot be removed', async (t) => {
    const directory = directoryOf(t);
    const { journal, write, close } = await openIn(directory);
    await write(1, 200_000);
    makeUnremovable(join(directory, filesOf(directory)[0]!));
    for (let number = 0; number < 10; number++) await write(1, 200_000);
    assert.ok(journal.counts().bytes <= LIMITS.bytes, `${journal.counts().bytes}`);
    assert.ok(journal.counts().lost > 0);
    await close();
  });

  test('skips damaged events anywhere, and returns the rest', async (t) => {
    const directory = directoryOf(t);
    const { journal, write, close } = await openIn(directory);
    for (let number = 0; number < 5; number++) await write(1, 300);
    const file = join(directory, filesOf(directory)[0]!);
    const whole = readFileSync(file);
    for (let byte = 0; byte < whole.length; byte += 7) {
      const damaged = Buffer.from(whole);
      damaged[byte]! ^= 1 << (byte % 8);
      writeFileSync(file, damaged);
      const lost = Math.floor(byte / 364) + 1;
      assert.deepEqual(
        await rangesIn(journal),
        [1, 2, 3, 4, 5].filter((number) => number !== lost).map((number) => [number, number]),
        `byte ${byte}`,
      );
    }
    writeFileSync(file, whole);
    await close();
    truncateSync(file, whole.length - 10);
    const again = await openIn(directory);
    assert.equal(again.next(), 6);
    await again.write(1);
    assert.deepEqual(
      await rangesIn(again.journal),
      [1, 2, 3, 4, 6].map((number) => [number, number]),
    );
    await again.close();
  });

  test('without the file of numbers starts a new numbering above all existing numbers', async (t) => {
    const directory = directoryOf(t);
    const first = await openIn(directory);
    await first.write(3);
    await first.close();
    writeFileSync(join(directory, 'numbering'), 'damaged');
    const second = await openIn(directory);
    assert.equal(second.next(), 4);
    assert.notEqual(second.journal.run, first.journal.run);
    assert.equal(second.logger.lines[0]?.level, 'warn');
    await second.close();
  });

  test('is refused a path that is not a directory', async (t) => {
    const directory = directoryOf(t);
    writeFileSync(directory, '');
    await assert.rejects(openIn(directory), /^Failure: cannot use the journal in .*: EEXIST/u);
  });
});
