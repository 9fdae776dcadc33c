import koffi from 'koffi';
import { mapMemory } from './libbpf.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
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
  readonly #poll: ReturnType<typeof koffi.node.poll>;

  /** Wake-ups so far: how often the kernel found the reader waiting. */
  wakeUps = 0;

  /**
   * @param descriptor the map's file descriptor
   * @param bytes the map's max_entries: a power of two
   * @param onRecords called when records are waiting; it should call {@link drain}
   */
  constructor(descriptor: number, bytes: number, onRecords: () => void) {
    const page = pageBytes();
    const consumer = mapPages(page, PROT_READ | PROT_WRITE, descriptor, 0);
    const producer = mapPages(page + 2 * bytes, PROT_READ, descriptor, page);
    this.#consumer = new BigUint64Array(consumer, 0, 1);
    this.#producer = new BigUint64Array(producer, 0, 1);
    this.#data = Buffer.from(producer, page, 2 * bytes);
    this.#headers = new Int32Array(producer, page, (2 * bytes) / 4);
    this.#mask = bytes - 1;
    this.#poll = koffi.node.poll(descriptor, { readable: true }, () => {
      this.wakeUps++;
      onRecords();
    });
  }

  /**
   * Gives up to `limit` waiting records to `take`, oldest first. A record is a view of the mapped pages: it is valid
   * only until `take` returns. Returns how many were given.
   */
  drain(limit: number, take: (record: Buffer) => void): number {
    let position = Atomics.load(this.#consumer, 0);
    let given = 0;
    while (given < limit && position < Atomics.load(this.#producer, 0)) {
      const offset = Number(position & BigInt(this.#mask));
      const header = Atomics.load(this.#headers, offset / 4) >>> 0;
      if (header & BUSY) break;
      const length = header & ~DISCARD;
      if (!(header & DISCARD)) {
        take(this.#data.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + length));
        given++;
      }
      position += BigInt(HEADER_BYTES + ((length + 7) & ~7));
      Atomics.store(this.#consumer, 0, position);
    }
    return given;
  }

  close(): void {
    this.#poll.stop();
    this.#poll.close();
  }
}

function mapPages(length: number, protection: number, descriptor: number, offset: number): ArrayBuffer {
  const pages = mapMemory(null, length, protection, MAP_SHARED, descriptor, offset);
  if (koffi.address(pages) === MAP_FAILED) throw new Error(`cannot map the ring buffer: errno ${koffi.errno()}`);
  return koffi.view(pages, length);
}

const SC_PAGESIZE = 30;
function pageBytes(): number {
  return Number(koffi.load('libc.so.6').func('long sysconf(int name)')(SC_PAGESIZE));
}
