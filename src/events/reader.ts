import type { NamespacePair } from '../containers/container.js';
import { clockOffset } from '../kernel/clock.js';
import { describeRecord, type EventContext } from './describe.js';
import type { SecurityEvent } from './event.js';
import { decodeRecord, type EventRecord, FLAGS } from './record.js';

/** Where records come from: see kernel/ring-buffer.ts. */
export interface RecordSource {
  drain(limit: number, take: (record: Buffer) => void): number;
}

/** The same, with records that are kept until they are released. */
export interface KeptRecords extends RecordSource {
  /** Up to where records were given out. */
  readonly position: bigint;
  /** Bytes of records that were given out and not released. */
  readonly kept: number;
}

/** This many records are read before other work can run. */
const RECORDS_PER_SLICE = 1024;
/** Half of the ring: the kernel needs the rest for what comes meanwhile. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;

function isKept(source: RecordSource): source is KeptRecords {
  return 'kept' in source;
}

/** Reads every waiting record, describes it and passes it on, in batches; other work can run in between. */
export class EventReader {
  #reading = false;

  /** Records this version could not decode. */
  undecodable = 0;

  constructor(
    readonly context: Omit<EventContext, 'clockOffset'>,
    readonly publish: (events: readonly SecurityEvent[]) => void,
    readonly onTokensRanOut: (container: NamespacePair) => void,
    /** Receives each decoded record before it is published; records for profiles only go nowhere else. */
    readonly remember: (record: EventRecord) => void,
  ) {}

  read(source: RecordSource): void {
    if (this.#reading || this.#readSlice(source) < RECORDS_PER_SLICE) return;
    this.#reading = true;
    setImmediate(() => {
      this.#reading = false;
      this.read(source);
    });
  }

  /** Resolves once no record waits that was there at the call. */
  async settle(source: RecordSource): Promise<void> {
    while (this.#readSlice(source) === RECORDS_PER_SLICE) await new Promise(setImmediate);
  }

  /** Reads the records for one time slice; returns how many there were. */
  #readSlice(source: RecordSource): number {
    if (isKept(source) && source.kept > BUFFERED_BYTES_MAX) return 0;
    const events: SecurityEvent[] = [];
    const before = isKept(source) ? source.position : undefined;
    const context = { ...this.context, clockOffset: clockOffset() };
    const given = source.drain(RECORDS_PER_SLICE, (bytes) => {
      const record = decodeRecord(bytes);
      if (record === undefined) {
        this.undecodable++;
        return;
      }
      this.remember(record);
      if (record.action > 0) events.push(describeRecord(record, context));
      if (record.flags & FLAGS.lastToken) this.onTokensRanOut(record);
    });
    if (events.length > 0 || (isKept(source) && source.position !== before)) this.publish(events);
    return given;
  }
}
