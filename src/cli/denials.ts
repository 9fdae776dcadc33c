import { AccessClass, type Event, Result } from '../client/messages.js';
import { decidingPolicyText, nameOf, timeText } from './views.js';

/** What denials can be grouped by. */
export const GROUPINGS = ['container', 'policy', 'rule', 'program', 'object'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Denials {
  readonly key: Readonly<Partial<Record<Grouping, string>>>;
  /** Refused, and let through under report. */
  readonly denied: number;
  readonly passed: number;
  readonly last: string;
  readonly lastAccess: string;
}

/** The most groups that are kept, so that a hostile container cannot fill the memory; the rest is counted together. */
const ENTRIES_MAX = 10_000;

/** Counts events by what they have in common. */
export class DenialCounts {
  readonly #counts = new Map<string, Denials>();
  #suppressed = 0;
  #missed = 0;
  #elsewhere = 0;

  constructor(readonly by: readonly Grouping[]) {}

  add(event: Event): void {
    if (event.suppressed > 0n) {
      this.#suppressed += Number(event.suppressed);
      return;
    }
    const key = Object.fromEntries(this.by.map((grouping) => [grouping, VALUES[grouping](event)]));
    const text = JSON.stringify(key);
    const before = this.#counts.get(text);
    if (before === undefined && this.#counts.size >= ENTRIES_MAX) {
      this.#elsewhere++;
      return;
    }
    const isDenied = event.result === Result.DENIED;
    this.#counts.set(text, {
      key,
      denied: (before?.denied ?? 0) + Number(isDenied),
      passed: (before?.passed ?? 0) + Number(!isDenied),
      last: timeText(event.time),
      lastAccess: `${nameOf(AccessClass, event.class).toLowerCase()} ${event.operation} ${event.object}`,
    });
  }

  miss(count: number): void {
    this.#missed += count;
  }

  /** Most denials first. */
  list(): Denials[] {
    return [...this.#counts.values()].sort((a, b) => b.denied - a.denied || b.passed - a.passed);
  }

  /** What is not in the list, a sentence for each kind. */
  notes(): string[] {
    return [
      ...(this.#suppressed > 0 ? [`${this.#suppressed} more were not listed one by one: there were too many`] : []),
      ...(this.#missed > 0 ? [`${this.#missed} events were missed`] : []),
      ...(this.#elsewhere > 0 ? [`${this.#elsewhere} of other kinds are not listed: there are too many kinds`] : []),
    ];
  }
}

const VALUES: Readonly<Record<Grouping, (event: Event) => string>> = {
  container: ({ containerName, containerId }) => containerName || containerId || '(unknown)',
  policy: ({ policyOrigin, policyNamespace, policy }) => decidingPolicyText(policyOrigin, policyNamespace, policy),
  rule: ({ rule }) => rule || '-',
  program: ({ program }) => program || '-',
  object: ({ object }) => object || '-',
};
