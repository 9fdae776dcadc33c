import { Counter, type Registry } from 'prom-client';
import type { SecurityEvent } from '../events/event.js';

/** So many pairs have a series of their own: policies and namespaces come and go without end. */
const SERIES_MAX = 500;
/** The others share this one; no namespace and no policy can have the name. */
const OTHERS = { namespace: '_others', policy: '_others' };

export interface NamedPolicy {
  readonly namespace: string;
  readonly name: string;
}

interface Pair {
  readonly labels: Record<string, string>;
  count: number;
}

/** Counts what was refused by the namespace of the container and by the policy. */
export class Denials {
  /** By namespace and policy. Counted apart, since events come by the hundred thousand a second. */
  readonly #pairs = new Map<string, Map<string, Pair>>();
  readonly #others: Pair = { labels: OTHERS, count: 0 };
  #size = 0;

  /** @param policies those there are: each has a series before it refuses anything, so that the first is an increase */
  constructor(registry: Registry, policies: () => Iterable<NamedPolicy>) {
    const read = () => {
      for (const { namespace, name } of policies()) {
        if (this.#size >= SERIES_MAX) break;
        if (namespace !== '') this.#pairOf(namespace, name);
      }
      return [this.#others, ...[...this.#pairs.values()].flatMap((pairs) => [...pairs.values()])];
    };
    new Counter({
      name: 'hauberk_denials_total',
      help: `Refused accesses by namespace of the container and policy; beyond ${SERIES_MAX} series they count as ${OTHERS.policy}.`,
      labelNames: ['namespace', 'policy'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of read()) this.inc(labels, count);
      },
    });
  }

  observe({ result, namespace, policy }: SecurityEvent): void {
    if (result === 'denied') this.#pairOf(namespace, policy).count++;
  }

  #pairOf(namespace: string, policy: string): Pair {
    const pairs = this.#pairs.get(namespace);
    const known = pairs?.get(policy);
    if (known !== undefined) return known;
    if (this.#size >= SERIES_MAX) return this.#others;
    this.#size++;
    const pair = { labels: { namespace, policy }, count: 0 };
    this.#pairs.set(namespace, (pairs ?? new Map<string, Pair>()).set(policy, pair));
    return pair;
  }
}
