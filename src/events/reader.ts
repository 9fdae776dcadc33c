import type { NamespacePair } from '../containers/container.js';
import { clockOffset } from '../kernel/clock.js';
import type { EventRing } from '../kernel/enforcer.js';
import { type EventRecord, FLAGS } from '../kernel/event-record.js';
import { describeRecord, type EventContext } from './describe.js';
import type { SecurityEvent } from './event.js';

/** Where records come from. */
export type RecordSource = Pick<EventRing, 'drain'>;

/** The same, with records that are kept until they are released. */
export type KeptRecords = Pick<EventRing, 'drain' | 'position' | 'kept'>;

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

  constructor(
    readonly context: Omit<EventContext, 'clockOffset'>,
    readonly publish: (events: readonly SecurityEvent[]) => void,
    readonly onTokensRanOut: (container: NamespacePair) => void,
    /** Receives each record before it is published; records for profiles only go nowhere else. */
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
    const read = source.drain(RECORDS_PER_SLICE, (record) => {
      this.remember(record);
      if (record.action > 0) events.push(describeRecord(record, context));
      if (record.flags & FLAGS.lastToken) this.onTokensRanOut(record);
    });
    if (events.length > 0 || (isKept(source) && source.position !== before)) this.publish(events);
    return read;
  }
}
