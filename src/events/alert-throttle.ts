import type { SecurityEvent } from './event.js';
import { summaryOf } from './suppression.js';

const NANOSECONDS = 1_000_000_000n;

export interface AlertLimit {
  /** A container with more events in one second falls silent; 0 for none. */
  readonly perSecond: number;
  /** For how many seconds. */
  readonly silence: number;
}

interface Silence {
  readonly first: SecurityEvent;
  readonly timer: NodeJS.Timeout;
  dropped: number;
}

/**
 * Throttling as in KubeArmor: a container that makes too many events in one second is silent for a while. An event
 * reports when that begins, another how many were dropped when it ends.
 */
export class AlertThrottle {
  readonly #silent = new Map<string, Silence>();
  #second = 0n;
  /** Of this second, by container. */
  readonly #counts = new Map<string, number>();

  /** Events that were dropped, of all containers. */
  dropped = 0;

  constructor(
    readonly limit: AlertLimit,
    readonly publish: (summaries: readonly SecurityEvent[]) => void,
    /** Nanoseconds since the Unix epoch. */
    readonly now: () => bigint,
    /** Called with the events that are not reported, so that they are still counted. */
    readonly onDropped: (dropped: readonly SecurityEvent[]) => void = () => undefined,
  ) {}

  /** The events that are to be reported, among them that a container falls silent. */
  take(events: readonly SecurityEvent[]): readonly SecurityEvent[] {
    if (this.limit.perSecond === 0) return events;
    const dropped: SecurityEvent[] = [];
    const reported = events.flatMap((event) => this.#takeOne(event, dropped));
    if (dropped.length > 0) {
      this.dropped += dropped.length;
      this.onDropped(dropped);
    }
    return reported;
  }

  /** Ends every silence without an event. */
  stop(): void {
    for (const { timer } of this.#silent.values()) clearTimeout(timer);
    this.#silent.clear();
  }

  /** @param dropped receives the event if it is not reported */
  #takeOne(event: SecurityEvent, dropped: SecurityEvent[]): SecurityEvent[] {
    const { containerId } = event;
    const silence = this.#silent.get(containerId);
    if (silence !== undefined) {
      silence.dropped++;
      dropped.push(event);
      return [];
    }
    const second = event.time / NANOSECONDS;
    if (second > this.#second) {
      this.#second = second;
      this.#counts.clear();
    }
    const count = (this.#counts.get(containerId) ?? 0) + 1;
    this.#counts.set(containerId, count);
    if (count <= this.limit.perSecond) return [event];
    const timer = setTimeout(() => this.#end(containerId), this.limit.silence * 1000);
    // The timer must not keep the process alive.
    timer.unref();
    this.#silent.set(containerId, { first: event, timer, dropped: 1 });
    dropped.push(event);
    const { perSecond, silence: seconds } = this.limit;
    const message = `more than ${perSecond} events of this container in a second: it is silent for ${seconds} seconds`;
    return [summaryOf(0, containerOf(event), event.time, message)];
  }

  #end(containerId: string): void {
    const silence = this.#silent.get(containerId);
    if (silence === undefined) return;
    this.#silent.delete(containerId);
    this.#counts.delete(containerId);
    this.publish([summaryOf(silence.dropped, containerOf(silence.first), this.now())]);
  }
}

function containerOf({ containerId, containerName, namespace, labels }: SecurityEvent) {
  return { id: containerId, name: containerName, namespace, labels };
}
