import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RingBuffer } from '../../../src/kernel/ring-buffer.js';
import { pageBytes } from '../../../src/native/libc.js';
import { recordBytes } from '../../support/event-record.js';

const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const CAPACITY = pageBytes();

/** A record as the kernel writes it into the ring: its header, and padding to eight bytes. */
function inRing(record: Buffer, flags = 0): Buffer {
  const entry = Buffer.alloc(8 + Math.ceil(record.length / 8) * 8);
  entry.writeUInt32LE((record.length | flags) >>> 0);
  record.copy(entry, 8);
  return entry;
}

/** Calls `use` with a ring that contains these, in a file that is mapped in the place of the kernel's pages. */
function withRing(entries: readonly Buffer[], use: (ring: RingBuffer) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-'));
  const file = join(directory, 'ring');
  const written = Buffer.concat(entries);
  const pages = Buffer.alloc(2 * pageBytes() + 2 * CAPACITY);
  pages.writeBigUInt64LE(BigInt(written.length), pageBytes());
  written.copy(pages, 2 * pageBytes());
  writeFileSync(file, pages);
  const descriptor = openSync(file, 'r+');
  try {
    use(new RingBuffer(descriptor, CAPACITY));
  } finally {
    closeSync(descriptor);
    rmSync(directory, { recursive: true });
  }
}

/** The files of the records that it gives. */
function drained(ring: RingBuffer, limit = 10): { read: number; objects: string[] } {
  const objects: string[] = [];
  const read = ring.drain(limit, ({ object }) => objects.push(object));
  return { read, objects };
}

const record = (object: string) => recordBytes({ object });

test('a ring gives its records decoded and in order, and counts those that cannot be', () => {
  withRing([inRing(record('/a')), inRing(Buffer.alloc(3)), inRing(record('/b'))], (ring) => {
    assert.deepEqual(drained(ring), { read: 3, objects: ['/a', '/b'] });
    assert.equal(ring.undecodable, 1);
    assert.equal(ring.position, ring.written);
    assert.deepEqual(drained(ring), { read: 0, objects: [] });
  });
});

test('a ring passes over a record that was given up, and waits for one that is being written', () => {
  const entries = [
    inRing(record('/a'), DISCARD),
    inRing(record('/b')),
    inRing(record('/c'), BUSY),
    inRing(record('/d')),
  ];
  withRing(entries, (ring) => {
    assert.deepEqual(drained(ring), { read: 1, objects: ['/b'] });
    assert.equal(ring.undecodable, 0);
  });
});

test('a ring gives no more than the limit at once, and keeps what it gave until that is released', () => {
  const entries = ['/a', '/b', '/c'].map((object) => inRing(record(object)));
  withRing(entries, (ring) => {
    assert.deepEqual(drained(ring, 2), { read: 2, objects: ['/a', '/b'] });
    assert.equal(ring.kept, entries[0]!.length + entries[1]!.length);
    ring.release(ring.position);
    assert.equal(ring.kept, 0);
    assert.deepEqual(drained(ring), { read: 1, objects: ['/c'] });
  });
});
