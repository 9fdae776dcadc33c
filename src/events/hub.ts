import type { SecurityEvent } from './event.js';
import type { EventPredicate } from './filter.js';

/** Events a subscriber may lag behind before the oldest are given up. */
export const DEFAULT_QUEUE_CAPACITY = 8192;

export interface SubscribeOptions {
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
  readonly #subscriptions = new Set<Subscription>();
  readonly #totals: Totals = { delivered: 0, missed: 0 };
  #published = 0;

  publish(events: readonly SecurityEvent[]): void {
    this.#published += events.length;
    for (const subscription of this.#subscriptions) subscription.offer(events);
  }

  /** The subscription gets what is published from now on and is accepted, until it is closed. */
  subscribe(accepts: EventPredicate, options: SubscribeOptions): Subscription {
    const subscription = new Subscription(accepts, options, this.#totals, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
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
  #first = 0;
  #waiting = 0;
  #missed = 0;

  /** Made by `EventHub.subscribe` only. */
  constructor(
    readonly accepts: EventPredicate,
    readonly options: SubscribeOptions,
    readonly totals: Totals,
    readonly close: () => void,
  ) {
    this.#slots = new Array(options.capacity ?? DEFAULT_QUEUE_CAPACITY).fill(undefined);
  }

  /** Events that wait to be taken. */
  get waiting(): number {
    return this.#waiting;
  }

  /** For the hub: queues those of the events that are accepted. */
  offer(events: readonly SecurityEvent[]): void {
    const wasEmpty = this.#waiting === 0;
    for (const event of events) if (this.accepts(event)) this.#push(event);
    if (wasEmpty && this.#waiting > 0) this.options.onWaiting();
  }

  /** Takes the oldest `max` events, or as many as wait. */
  take(max: number): Taken {
    const events = new Array<SecurityEvent>(Math.min(max, this.#waiting));
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
    return { events, missed };
  }

  #push(event: SecurityEvent): void {
    this.#slots[this.#wrap(this.#first + this.#waiting)] = event;
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
