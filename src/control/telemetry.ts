import { type Container, namespaceKey } from '../containers/container.js';
import type { EventEncoder } from '../events/encode.js';
import type { SecurityEvent } from '../events/event.js';
import { EventHub } from '../events/hub.js';
import { type TelemetryEvent, telemetryLimitOf } from '../events/telemetry.js';
import { ACCESS_NONE } from '../kernel/accesses.js';
import type { AccessCounts } from '../kernel/enforcer.js';
import type { EventRecord } from '../kernel/event-record.js';
import { VISIBLE_ACCESSES_MAX, type Visibility } from '../policy/visibility.js';

export interface TelemetryLimits {
  /** How long accesses are counted before they are reported. */
  readonly windowSeconds: number;
  /** At most this many different accesses of one container are reported in a window. */
  readonly perWindow: number;
}

export interface TelemetryParts {
  /** The container with these namespaces, if there is one. */
  containerOf(record: EventRecord): Container | undefined;
  visibilityOf(container: Container): Visibility;
  /** Whether a profile learns from the container, by namespaceKey: it counts by the same numbers. */
  isLearning(key: string): boolean;
  readonly counts: Pick<AccessCounts, 'count' | 'take' | 'forget'>;
  describe(record: EventRecord): TelemetryEvent;
  readonly encoder: Pick<EventEncoder, 'encode'>;
  /** Nanoseconds since the Unix epoch. */
  now(): bigint;
}

interface Known {
  /** Undefined for what is reported elsewhere, and only counted here. */
  event: TelemetryEvent | undefined;
  /** How often it had been made when it was last reported. */
  reported: number;
}

interface Watched {
  readonly container: Container;
  readonly known: Map<bigint, Known>;
}

/**
 * Reports what visible containers do to those who subscribe: each distinct access once in a window, with how often it
 * was made in it. The kernel counts, and reports an access when it is new; what was reported is taken out of its map,
 * so that it is new again. Where a profile learns from a container, too, the counting continues, and this reports by
 * how much it grew.
 */
export class Telemetry {
  /** Apart from the hub of events: nothing of this stands in the journal, or with denials. */
  readonly hub = new EventHub(1);
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  /** Distinct accesses that were reported. */
  reported = 0;
  /** Accesses that were not, as there was no room or too many were different. */
  dropped = 0;

  constructor(
    readonly limits: TelemetryLimits,
    readonly parts: TelemetryParts,
  ) {}

  /** Containers with something to report at the end of the window. */
  get active(): number {
    return this.#watched.size;
  }

  /** Whether the access that a record reports is to be reported. */
  isVisible(record: EventRecord): boolean {
    const container = this.parts.containerOf(record);
    return container !== undefined && this.#sees(container, record);
  }

  /** A record has come that reports a visible access. */
  observe(record: EventRecord): void {
    const container = this.parts.containerOf(record);
    if (container === undefined || !this.#sees(container, record)) return;
    // What a policy reports is an event already.
    const event = record.action > 0 ? undefined : this.parts.describe(record);
    this.#watch(container).known.set(record.access, { event, reported: 0 });
  }

  /** To be called before a profile begins or ends to learn from a container: reports what there is, and starts again. */
  settle(key: string): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    this.#report(key, watched);
    watched.known.clear();
  }

  /** Reports at the end of the window. */
  report(): void {
    for (const [key, watched] of this.#watched) this.#report(key, watched);
    for (const [key, { known }] of this.#watched) if (known.size === 0) this.#watched.delete(key);
    if (this.#watched.size === 0) this.#stopTimer();
  }

  /** Reports what there is, and ends. */
  stop(): void {
    this.report();
    this.#stopTimer();
  }

  #sees(container: Container, record: EventRecord): boolean {
    return (this.parts.visibilityOf(container) as readonly string[]).includes(record.class);
  }

  #watch(container: Container): Watched {
    const key = namespaceKey(container.namespaces);
    const before = this.#watched.get(key);
    if (before?.container === container) return before;
    // Under its name at that time, or that of an earlier container with the same namespace numbers.
    if (before !== undefined) this.#report(key, before);
    const isSame = before !== undefined && before.container.id === container.id;
    const watched = { container, known: isSame ? before.known : new Map<bigint, Known>() };
    this.#watched.set(key, watched);
    this.#timer ??= setInterval(() => this.report(), this.limits.windowSeconds * 1000).unref();
    return watched;
  }

  #report(key: string, { container, known }: Watched): void {
    const { counts, now } = this.parts;
    const isShared = this.parts.isLearning(key);
    const { perWindow, windowSeconds } = this.limits;
    const events: SecurityEvent[] = [];
    let dropped = 0;
    const visible: readonly string[] = this.parts.visibilityOf(container);
    for (const [access, each] of known) {
      // While a profile runs the counting continues, though it is no longer to be reported.
      if (isShared && !visible.includes(each.event?.class ?? '')) {
        known.delete(access);
        continue;
      }
      const counted = { container: container.namespaces, access };
      // What was reported has happened at least once, even if something else has reset its count.
      const made = isShared ? counts.count(counted) - each.reported : Math.max(1, counts.take(counted));
      if (made <= 0 || each.event === undefined) continue;
      if (events.length >= perWindow) dropped += made;
      else events.push({ ...each.event, count: made, ...(each.reported > 0 && { time: now() }) });
      each.reported += made;
    }
    if (!isShared) {
      known.clear();
      const made = counts.take({ container: container.namespaces, access: ACCESS_NONE });
      dropped += Math.max(0, made - VISIBLE_ACCESSES_MAX);
    }
    this.reported += events.length;
    this.dropped += dropped;
    if (dropped > 0) {
      const message = `${dropped} accesses of this container are not reported: more than ${perWindow} different ones in ${windowSeconds} seconds`;
      events.push(telemetryLimitOf(dropped, container, now(), message));
    }
    // It has no number in the order of events.
    for (const event of events) this.parts.encoder.encode([event], 0);
    if (events.length > 0) this.hub.publish(events);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
