import { randomUUID } from 'node:crypto';
import type { EventEncoder } from './encode.js';
import type { SecurityEvent } from './event.js';
import type { EventPredicate } from './filter.js';

/** Events a subscriber may lag behind before the oldest are dropped. */
export const DEFAULT_QUEUE_CAPACITY = 8192;

/** Events a reader can still get after it was disconnected. */
export const HISTORY_CAPACITY = 16_384;

/** Numbers of events, both ends included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** gRPC clients take four times as much by default. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

/** A place in the order of a host's events. */
export interface Position {
  /** Identifies the numbering: see Position in proto/hauberk/v1/event.proto. */
  readonly run: string;
  /** The number of the last event before it. */
  readonly sequence: number;
}

export interface SubscribeOptions {
  /** Events published after this place come first, as far as they are still available; others count as missed. */
  readonly resumeAfter?: Position;
  /** At most this many events wait; when one more comes, the oldest is dropped and counted as missed. */
  readonly capacity?: number;
  /** The reader gets what its queue could not hold from the archive: it is not missed until it is gone there too. */
  readonly hasArchive?: boolean;
  /**
   * Called from within `publish` when the queue becomes non-empty, so it must only schedule the taking. Called again
   * only after `take` has emptied the queue.
   */
  readonly onWaiting: () => void;
}

export interface Taken {
  readonly events: SecurityEvent[];
  /** Events dropped since the last `take`; they came before the events of this one. */
  readonly missed: number;
  /** Where those were; absent where none is missed. */
  readonly gone?: SequenceRange;
  /** Where the subscription stands after these events: everything up to here was taken, missed or not accepted. */
  readonly position: Position;
}

/** Where a hub continues. */
export interface HubStart {
  readonly run?: string;
  /** The number of the last event before. */
  readonly start?: number;
  readonly archive?: EventArchive;
}

/** What has more events than the hub: see journal/. */
export interface EventArchive {
  /**
   * Batches with events after a number, and with some not before a time (nanoseconds since the Unix epoch), in order.
   */
  read(after: number, since?: bigint): AsyncIterable<ArchivedEvents>;
  /** Whether it has events of that numbering. */
  knows(run: string): boolean;
}

export interface ArchivedEvents {
  readonly first: number;
  readonly count: number;
  /** Encoded events, as EventEncoder writes them. */
  readonly payload: Buffer;
}

/** Totals since the start, over all subscriptions. */
export interface EventCounts {
  readonly published: number;
  /** Events handed out by `take`. */
  readonly delivered: number;
  /** Events that readers will never get: they were too slow, or away for too long. */
  readonly missed: number;
  readonly subscribers: number;
}

/**
 * Distributes events to subscribers. Publishing never waits for a subscriber and never fails because of one: each has a
 * queue of its own, of fixed capacity.
 */
export class EventHub {
  readonly run: string;
  readonly archive: EventArchive | undefined;
  /** The number before that of the first event published here. */
  readonly #start: number;
  readonly #subscriptions = new Set<Subscription>();
  readonly #totals: Totals = { delivered: 0, missed: 0 };
  /** The last events: the one of sequence n, counted from 1, is at n modulo its length. */
  readonly #history: (SecurityEvent | undefined)[];
  #published: number;

  constructor(historyCapacity = HISTORY_CAPACITY, { run = randomUUID(), start = 0, archive }: HubStart = {}) {
    this.run = run;
    this.archive = archive;
    this.#start = start;
    this.#published = start;
    this.#history = new Array(historyCapacity).fill(undefined);
  }

  publish(events: readonly SecurityEvent[]): void {
    const before = this.#published;
    for (const event of events) this.#history[++this.#published % this.#history.length] = event;
    for (const subscription of this.#subscriptions) subscription.offer(events, before);
  }

  /** The number of the oldest event in memory; the next number if there is none. */
  get oldest(): number {
    return this.#published - Math.min(this.#published - this.#start, this.#history.length) + 1;
  }

  /** Events in memory after a number, the oldest first, at most this many. */
  recent(after: number, max: number): SecurityEvent[] {
    const length = Math.max(0, Math.min(max, this.#published - after));
    return Array.from({ length }, (_, index) => this.#history[(after + 1 + index) % this.#history.length]!);
  }

  /** The number to continue after: nothing was seen of an unknown numbering. */
  sequenceAt({ run, sequence }: Position): number {
    return run === this.run || this.archive?.knows(run) === true ? sequence : 0;
  }

  get position(): Position {
    return { run: this.run, sequence: this.#published };
  }

  /** The subscription gets what is published from now on and is accepted, until it is closed. */
  subscribe(accepts: EventPredicate, options: SubscribeOptions): Subscription {
    const subscription = new Subscription(
      accepts,
      options,
      this.#totals,
      () => this.position,
      () => {
        this.#subscriptions.delete(subscription);
      },
    );
    this.#subscriptions.add(subscription);
    this.#replay(subscription, options.resumeAfter);
    return subscription;
  }

  #replay(subscription: Subscription, after: Position | undefined): void {
    if (after === undefined || after.run !== this.run || after.sequence >= this.#published) return;
    const first = Math.max(after.sequence + 1, this.oldest);
    subscription.miss(after.sequence + 1, first - 1);
    const events: SecurityEvent[] = [];
    for (let sequence = first; sequence <= this.#published; sequence++) {
      events.push(this.#history[sequence % this.#history.length]!);
    }
    subscription.offer(events, first - 1);
  }

  /** Counts events that were gone from the archive when a reader came to them. */
  countGone(events: number): void {
    this.#totals.missed += events;
  }

  counts(): EventCounts {
    return { published: this.#published - this.#start, ...this.#totals, subscribers: this.#subscriptions.size };
  }
}

interface Totals {
  delivered: number;
  missed: number;
}

/** One reader's queue: a ring of slots that is allocated once. */
export class Subscription {
  readonly #slots: (SecurityEvent | undefined)[];
  readonly #sequences: Float64Array;
  #first = 0;
  #waiting = 0;
  #missed = 0;
  #gone: SequenceRange | undefined;

  /** Made by `EventHub.subscribe` only. */
  constructor(
    readonly accepts: EventPredicate,
    readonly options: SubscribeOptions,
    readonly totals: Totals,
    readonly latest: () => Position,
    readonly close: () => void,
  ) {
    this.#slots = new Array(options.capacity ?? DEFAULT_QUEUE_CAPACITY).fill(undefined);
    this.#sequences = new Float64Array(this.#slots.length);
  }

  /** Events that wait to be taken. */
  get waiting(): number {
    return this.#waiting;
  }

  /** For the hub: queues those of the events that are accepted. `before` is the sequence before the first. */
  offer(events: readonly SecurityEvent[], before: number): void {
    const wasEmpty = this.#waiting === 0;
    let sequence = before;
    for (const event of events) {
      sequence++;
      if (this.accepts(event)) this.#push(event, sequence);
    }
    if (wasEmpty && this.#waiting > 0) this.options.onWaiting();
  }

  /** For the hub: the events of these numbers could not be offered at all. */
  miss(first: number, last: number): void {
    if (last < first) return;
    this.#count(last - first + 1);
    this.#gone = { first, last };
  }

  /** Events dropped since the last `take`. */
  get missed(): number {
    return this.#missed;
  }

  /**
   * Takes the oldest `max` events, or as many as wait. With an encoder all are encoded then, and no more are taken than
   * clients take in one message.
   */
  take(max: number, encoder?: EventEncoder): Taken {
    const events = new Array<SecurityEvent>(
      encoder === undefined ? Math.min(max, this.#waiting) : this.#encode(max, encoder),
    );
    const position = this.latest();
    let { sequence } = position;
    if (events.length < this.#waiting) {
      sequence = this.#sequences[this.#wrap(this.#first + Math.max(0, events.length - 1))]!;
    }
    for (let index = 0; index < events.length; index++) {
      const slot = this.#wrap(this.#first + index);
      events[index] = this.#slots[slot]!;
      this.#slots[slot] = undefined;
    }
    this.#first = this.#wrap(this.#first + events.length);
    this.#waiting -= events.length;
    this.totals.delivered += events.length;
    const [missed, gone] = [this.#missed, this.#gone];
    this.#missed = 0;
    this.#gone = undefined;
    return { events, missed, ...(gone && { gone }), position: { ...position, sequence } };
  }

  /** @returns how many of the oldest events, one at least, go into a message */
  #encode(max: number, encoder: EventEncoder): number {
    let bytes = 0;
    for (let index = 0; index < Math.min(max, this.#waiting); index++) {
      const slot = this.#wrap(this.#first + index);
      const event = this.#slots[slot]!;
      if (event.encoded === undefined) encoder.encode([event], this.#sequences[slot]!);
      bytes += event.encodedEnd! - event.encodedStart!;
      if (bytes > MESSAGE_BYTES_MAX && index > 0) return index;
    }
    return Math.min(max, this.#waiting);
  }

  #push(event: SecurityEvent, sequence: number): void {
    const slot = this.#wrap(this.#first + this.#waiting);
    const givenUp = this.#sequences[slot]!;
    this.#slots[slot] = event;
    this.#sequences[slot] = sequence;
    if (this.#waiting < this.#slots.length) {
      this.#waiting++;
      return;
    }
    // The new event has taken the slot of the oldest.
    this.#first = this.#wrap(this.#first + 1);
    this.#count(1);
    this.#gone = { first: this.#gone?.first ?? givenUp, last: givenUp };
  }

  #count(missed: number): void {
    this.#missed += missed;
    if (this.options.hasArchive !== true) this.totals.missed += missed;
  }

  #wrap(position: number): number {
    return position < this.#slots.length ? position : position - this.#slots.length;
  }
}
