import { mapPages, pageBytes } from '../native/libc.js';
import { type ReadableWatch, watchReadable } from '../native/readable.js';
import { decodeRecord, type EventRecord } from './event-record.js';

/** linux/bpf.h: a record whose producer has not committed it yet; a record to be skipped; header of a record. */
const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const HEADER_BYTES = 8;

/**
 * A BPF ring buffer read in place from its mapped pages (kernel/bpf/ringbuf.c describes them: one page with the
 * consumer's position, one with the producer's, then the data mapped twice, so that no record is ever split).
 */
export class RingBuffer {
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #data: Buffer;
  readonly #headers: Int32Array;
  readonly #mask: number;
  readonly #descriptor: number;
  #watch: ReadableWatch | undefined;
  #read: bigint;
  #isWaiting = true;
  #isClosed = false;

  /** Wake-ups so far: how often the kernel found the reader waiting. */
  wakeUps = 0;

  /** Records that this version could not decode. */
  undecodable = 0;

  /**
   * @param descriptor the map's file descriptor
   * @param bytes the map's max_entries: a power of two
   */
  constructor(descriptor: number, bytes: number) {
    const page = pageBytes();
    const consumer = mapPages(descriptor, 0, page, 'write');
    const producer = mapPages(descriptor, page, page + 2 * bytes, 'read');
    this.#consumer = new BigUint64Array(consumer, 0, 1);
    this.#producer = new BigUint64Array(producer, 0, 1);
    this.#data = Buffer.from(producer, page, 2 * bytes);
    this.#headers = new Int32Array(producer, page, (2 * bytes) / 4);
    this.#mask = bytes - 1;
    this.#read = Atomics.load(this.#consumer, 0);
    this.#descriptor = descriptor;
  }

  /** @param onRecords called when records are waiting, also now; it should call {@link drain} */
  start(onRecords: () => void): void {
    this.#watch = watchReadable(this.#descriptor, () => {
      this.wakeUps++;
      onRecords();
    });
    onRecords();
  }

  /** The position up to which records were given out, in bytes since the ring was made. */
  get position(): bigint {
    return this.#read;
  }

  /** Bytes of records that were given out and are still kept. */
  get kept(): number {
    return Number(this.#read - Atomics.load(this.#consumer, 0));
  }

  /** Where the next record will be written. */
  get written(): bigint {
    return Atomics.load(this.#producer, 0);
  }

  /** Skips what an earlier reader has stored elsewhere. */
  skipTo(position: bigint): void {
    if (position <= this.#read || position > this.written) return;
    this.#read = position;
    this.release(position);
  }

  /** Lets the kernel overwrite the records up to there; once all are released, it signals the next one. */
  release(position: bigint): void {
    if (position > Atomics.load(this.#consumer, 0)) Atomics.store(this.#consumer, 0, position);
    if (this.#isWaiting || position < this.#read) return;
    this.#isWaiting = true;
    this.#watch?.resume();
  }

  /**
   * Gives up to `limit` waiting records to `take`, oldest first, decoded where they lie. The kernel keeps the records
   * until {@link release}. Returns how many were read, undecodable ones too.
   */
  drain(limit: number, take: (record: EventRecord) => void): number {
    let position = this.#read;
    let read = 0;
    while (!this.#isClosed && read < limit && position < Atomics.load(this.#producer, 0)) {
      const offset = Number(position & BigInt(this.#mask));
      const header = Atomics.load(this.#headers, offset / 4) >>> 0;
      if (header & BUSY) break;
      const length = header & ~DISCARD;
      if (!(header & DISCARD)) {
        const record = decodeRecord(this.#data.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + length));
        if (record === undefined) this.undecodable++;
        else take(record);
        read++;
      }
      position += BigInt(HEADER_BYTES + ((length + 7) & ~7));
      this.#read = position;
    }
    // Unreleased records would wake the reader again and again.
    if (this.#isWaiting && this.kept > 0) {
      this.#isWaiting = false;
      this.#watch?.pause();
    }
    return read;
  }

  /** No more records are given out; those that were can still be released. */
  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
    this.#watch = undefined;
  }
}
