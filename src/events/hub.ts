import { randomUUID } from 'node:crypto';
import type { SecurityEvent } from './event.js';
import type { EventPredicate } from './filter.js';

/** Events a subscriber may lag behind before the oldest are given up. */
export const DEFAULT_QUEUE_CAPACITY = 8192;

/** Events a reader can ask for again after it was cut off. */
export const HISTORY_CAPACITY = 16_384;

/** A place in the order of one hub's events. */
export interface Position {
  /** Names the hub: another run of the daemon has another one. */
  readonly run: string;
  /** Counts the events published. */
  readonly sequence: number;
}

export interface SubscribeOptions {
  /** Events published after this place come first, as far as they are still there; what is not counts as missed. */
  readonly resumeAfter?: Position;
  /** At most so many events wait; when one more comes, the oldest is given up and counted as missed. */
  readonly capacity?: number;
  /**
   * Called from within `publish` when the queue becomes non-empty, so it must only schedule the taking. Called again
   * only after `take` has emptied the queue.
   */
  readonly onWaiting: () => void;
}

export interface Taken {
  readonly events: SecurityEvent[];
  /** Events given up since the last `take`; they came before the events of this one. */
  readonly missed: number;
  /** Where the subscription stands after these events: everything up to here was taken, missed or not accepted. */
  readonly position: Position;
}

/** Totals since the start, over all subscriptions. */
export interface EventCounts {
  readonly published: number;
  /** Events handed out by `take`. */
  readonly delivered: number;
  readonly missed: number;
  readonly subscribers: number;
}

/**
 * Spreads events to subscribers. Publishing never waits for a subscriber and never fails because of one: each has a
 * queue of its own, of fixed capacity.
 */
export class EventHub {
  readonly run = randomUUID();
  readonly #subscriptions = new Set<Subscription>();
  readonly #totals: Totals = { delivered: 0, missed: 0 };
  /** The last events: the one of sequence n, counted from 1, is at n modulo its length. */
  readonly #history: (SecurityEvent | undefined)[];
  #published = 0;

  constructor(historyCapacity = HISTORY_CAPACITY) {
    this.#history = new Array(historyCapacity).fill(undefined);
  }

  publish(events: readonly SecurityEvent[]): void {
    const before = this.#published;
    for (const event of events) this.#history[++this.#published % this.#history.length] = event;
    for (const subscription of this.#subscriptions) subscription.offer(events, before);
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
    const first = Math.max(after.sequence, this.#published - this.#history.length) + 1;
    subscription.miss(first - 1 - after.sequence);
    const events: SecurityEvent[] = [];
    for (let sequence = first; sequence <= this.#published; sequence++) {
      events.push(this.#history[sequence % this.#history.length]!);
    }
    subscription.offer(events, first - 1);
  }

  counts(): EventCounts {
    return { published: this.#published, ...this.#totals, subscribers: this.#subscriptions.size };
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

  /** For the hub: so many events could not be offered at all. */
  miss(count: number): void {
    this.#missed += count;
    this.totals.missed += count;
  }

  /** Takes the oldest `max` events, or as many as wait. */
  take(max: number): Taken {
    const events = new Array<SecurityEvent>(Math.min(max, this.#waiting));
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
    const missed = this.#missed;
    this.#missed = 0;
    return { events, missed, position: { ...position, sequence } };
  }

  #push(event: SecurityEvent, sequence: number): void {
    const slot = this.#wrap(this.#first + this.#waiting);
    this.#slots[slot] = event;
    this.#sequences[slot] = sequence;
    if (this.#waiting < this.#slots.length) {
      this.#waiting++;
      return;
    }
    // The new event has taken the slot of the oldest.
    this.#first = this.#wrap(this.#first + 1);
    this.#missed++;
    this.totals.missed++;
  }

  #wrap(position: number): number {
    return position < this.#slots.length ? position : position - this.#slots.length;
  }
}
