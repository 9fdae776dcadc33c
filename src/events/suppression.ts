import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import type { SecurityEvent } from './event.js';
import { noteOf } from './note.js';

/** The policy named in a summary of events the kernel suppressed. */
export const RATE_LIMIT = 'RateLimit';
const CHECK_MILLISECONDS = 1000;

interface Watched {
  readonly container: NamespacePair;
  /** How many events the kernel had suppressed when it was last asked. */
  known: number;
}

/**
 * Reports how many events of a flooding container were suppressed. The kernel signals when a container's tokens run
 * out; from then on its count is read once a second, until it no longer grows.
 */
export class SuppressionWatch {
  readonly #watched = new Map<string, Watched>();
  /** What was reported about containers that are quiet. */
  readonly #known: Map<string, number>;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param before what an earlier daemon's containers had suppressed when this one started, by their namespaces
   * @param count how many events of a container the kernel has suppressed so far
   * @param containerOf the container with these namespaces
   * @param now nanoseconds since the Unix epoch
   */
  constructor(
    before: ReadonlyMap<string, number>,
    readonly count: (container: NamespacePair) => number,
    readonly containerOf: (container: NamespacePair) => Container | undefined,
    readonly publish: (summaries: readonly SecurityEvent[]) => void,
    readonly now: () => bigint,
  ) {
    this.#known = new Map(before);
  }

  /** A record has come with which the container's tokens ran out. */
  tokensRanOut(container: NamespacePair): void {
    const key = namespaceKey(container);
    if (!this.#watched.has(key)) this.#watched.set(key, { container, known: this.#known.get(key) ?? 0 });
    this.#timer ??= setInterval(() => this.#check(), CHECK_MILLISECONDS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const summaries: SecurityEvent[] = [];
    for (const [key, watched] of this.#watched) {
      const count = this.count(watched.container);
      if (count === watched.known) {
        this.#watched.delete(key);
        this.#known.set(key, count);
        continue;
      }
      summaries.push(summaryOf(count - watched.known, this.containerOf(watched.container), this.now()));
      watched.known = count;
    }
    if (this.#watched.size === 0) this.stop();
    if (summaries.length > 0) this.publish(summaries);
  }
}

/** The event that says how many events were not reported. */
export function summaryOf(
  suppressed: number,
  container: Pick<Container, 'id' | 'name' | 'namespace' | 'labels'> | undefined,
  time: bigint,
  message = `${suppressed} events of this container were suppressed`,
): SecurityEvent {
  return { ...noteOf(RATE_LIMIT, message, container, time), suppressed };
}
