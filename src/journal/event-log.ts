import type { EventEncoder } from '../events/encode.js';
import type { SecurityEvent } from '../events/event.js';
import type { EventHub } from '../events/hub.js';
import { droppedRecords } from '../events/ring-full.js';
import type { Journal } from './journal.js';

/** What is needed of the kernel's ring: see kernel/ring-buffer.ts. */
export interface EventRing {
  readonly position: bigint;
  readonly written: bigint;
  release(position: bigint): void;
}

export interface EventLogOptions {
  readonly hub: EventHub;
  /** Without a journal, events go to the streams only. */
  readonly journal?: Journal;
  readonly encoder: EventEncoder;
  readonly ring: EventRing;
  /** Identifies this ring among those before and after it. */
  readonly ringId: bigint;
  /** How many records the kernel has dropped so far because the ring was full. */
  readonly dropped: () => number;
  /** Nanoseconds since the Unix epoch. */
  readonly now: () => bigint;
  /** Called with events once streams have them. */
  readonly onPublished: (events: readonly SecurityEvent[]) => void;
  /** Called when records were released, so that more can be read. */
  readonly onRoom: () => void;
}

const NOTHING = Buffer.alloc(0);

/**
 * Gives events their numbers, writes them to the journal and then, in the same order, hands them to the streams. Only
 * then may the kernel overwrite their records: what was not in the journal when the daemon was killed is read again.
 */
export class EventLog {
  #next: number;
  #knownDropped: number;
  /** Where records were dropped: records written afterwards begin no later than here. */
  #drop: { readonly behind: bigint; readonly total: number } | undefined;

  constructor(readonly options: EventLogOptions) {
    const { journal, ringId, dropped } = options;
    this.#next = journal?.next ?? 1;
    const last = journal?.last;
    this.#knownDropped = last?.ringId === ringId ? Number(last.dropped) : dropped();
  }

  /** The number of the next event. */
  get next(): number {
    return this.#next;
  }

  /** Takes events that were read from the ring up to where it stands now. */
  take(events: readonly SecurityEvent[]): void {
    const { ring } = this.options;
    const { position } = ring;
    const note = this.#noteOfDrops(position);
    this.#append(note === undefined ? events : [...events, note], () => {
      ring.release(position);
      this.options.onRoom();
    });
  }

  /** Takes an event that does not come from the ring. */
  add(events: readonly SecurityEvent[]): void {
    this.#append(events, () => undefined);
  }

  #append(events: readonly SecurityEvent[], after: () => void): void {
    const { hub, journal, encoder, ring, ringId, onPublished } = this.options;
    const first = this.#next;
    this.#next += events.length;
    const done = () => {
      if (events.length > 0) {
        hub.publish(events);
        onPublished(events);
      }
      after();
    };
    if (journal === undefined) {
      done();
      return;
    }
    const payload = events.length === 0 ? NOTHING : encoder.encode(events, first);
    const [earliest, latest] = boundsOf(events);
    const dropped = BigInt(this.#knownDropped);
    const { length: count } = events;
    journal.append({ first, count, earliest, latest, ringPosition: ring.position, ringId, dropped, payload, done });
  }

  /** A note of what was dropped, once what was in the ring before is read. */
  #noteOfDrops(position: bigint): SecurityEvent | undefined {
    const { dropped, ring, now } = this.options;
    const total = dropped();
    if (this.#drop === undefined && total > this.#knownDropped) this.#drop = { behind: ring.written, total };
    if (this.#drop === undefined || position < this.#drop.behind) return undefined;
    const lost = this.#drop.total - this.#knownDropped;
    this.#knownDropped = this.#drop.total;
    this.#drop = undefined;
    return droppedRecords(lost, now());
  }
}

function boundsOf(events: readonly SecurityEvent[]): readonly [bigint, bigint] {
  let earliest = events[0]?.time ?? 0n;
  let latest = earliest;
  for (const { time } of events) {
    if (time < earliest) earliest = time;
    else if (time > latest) latest = time;
  }
  return [earliest, latest];
}
