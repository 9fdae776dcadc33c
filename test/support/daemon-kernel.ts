import type { NamespacePair } from '../../src/containers/container.js';
import { COUNTERS } from '../../src/kernel/counters.js';
import type { Enforcer } from '../../src/kernel/enforcer.js';
import { decodeRecord, type EventRecord } from '../../src/kernel/event-record.js';
import { MemoryCounts, MemoryKernel } from './in-memory-control-plane.js';
import { MemoryHoldings } from './memory-holdings.js';

/** An in-memory implementation of everything that the daemon needs of the kernel. */
export class DaemonKernel extends MemoryKernel implements Enforcer {
  readonly holdings = new MemoryHoldings({ pidNamespace: 0, mountNamespace: 0 });
  readonly accesses = new MemoryCounts();
  readonly layers = { examine: () => ({ device: 42 }) };
  readonly ring = new MemoryRing();
  readonly ringId = 7n;
  readonly ringWakeUps = 0;
  limit: object | undefined;
  /** The steps of its shutdown, in order. */
  readonly ends: string[] = [];
  /** The method of this name throws. */
  fails: string | undefined;

  refuseHeld(isNeeded: boolean): Promise<void> {
    return this.holdings.kernel.refuseHeld(isNeeded);
  }

  newestImage(): number {
    this.#step('newestImage');
    return Math.max(0, ...[...this.published.values()].map(({ imageId }) => imageId));
  }

  openRing(): MemoryRing {
    this.#step('openRing');
    return this.ring;
  }

  allSuppressed(): Map<string, number> {
    this.#step('allSuppressed');
    return new Map();
  }

  suppressed(_: NamespacePair): number {
    return 0;
  }

  counters(): Record<string, number> {
    return Object.fromEntries(COUNTERS.map((name) => [name, 0]));
  }

  recursionMisses(): Map<string, number> {
    return new Map();
  }

  droppedRecords(): number {
    return 0;
  }

  limitEvents(limit: object): void {
    this.#step('limitEvents');
    this.limit = limit;
  }

  async removeReplaced(signal: AbortSignal): Promise<void> {
    this.#step('removeReplaced');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.ends.push('removal given up');
  }

  close(): void {
    this.ends.push('closed');
    this.ring.isClosed = true;
  }

  detach(): void {
    this.ends.push('detached');
  }

  #step(name: string): void {
    if (this.fails === name) throw new Error(`${name} fails`);
  }
}

/** An event ring into which tests put records. */
export class MemoryRing {
  readonly records: Buffer[] = [];
  readonly undecodable = 0;
  isClosed = false;
  position = 0n;
  #onRecords: (() => void) | undefined;

  get written(): bigint {
    return this.position + BigInt(this.records.length);
  }

  get kept(): number {
    return 0;
  }

  start(onRecords: () => void): void {
    this.#onRecords = onRecords;
    onRecords();
  }

  /** Hands a record to the reader, if there is one. */
  put(record: Buffer): void {
    this.records.push(record);
    this.#onRecords?.();
  }

  skipTo(position: bigint): void {
    this.position = position;
  }

  release(): void {}

  drain(limit: number, take: (record: EventRecord) => void): number {
    const taken = this.isClosed ? [] : this.records.splice(0, limit);
    for (const record of taken) {
      take(decodeRecord(record)!);
      this.position++;
    }
    return taken.length;
  }
}
