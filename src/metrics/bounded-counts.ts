import { Counter, type Registry } from 'prom-client';

/**
 * How many combinations of labels have a series of their own: the number of policies, namespaces and containers over
 * time is unbounded.
 */
export const SERIES_MAX = 500;
/** The value of each label in the one series that all others share; no object of Kubernetes can have this name. */
export const OTHERS = '_others';

interface Count {
  readonly labels: Record<string, string>;
  count: number;
}
/** By the value of each label in turn. */
type Level = Map<string, Level | Count>;

/**
 * A counter with a bound on its series. Counted outside of Prometheus' client, since there may be hundreds of thousands
 * of events a second.
 */
export class BoundedCounts<Label extends string> {
  readonly #labelNames: readonly Label[];
  readonly #others: Count;
  #root: Level = new Map();
  #counts: Count[] = [];

  /** @param prepare called before each reading, to add series that should exist before they are counted */
  constructor(
    registry: Registry,
    { name, help, labelNames }: { readonly name: string; readonly help: string; readonly labelNames: readonly Label[] },
    prepare: () => void,
  ) {
    this.#labelNames = labelNames;
    this.#others = { labels: Object.fromEntries(labelNames.map((each) => [each, OTHERS])), count: 0 };
    const read = () => {
      prepare();
      return [this.#others, ...this.#counts];
    };
    new Counter<string>({
      name,
      help: `${help}; beyond ${SERIES_MAX} series they are counted as ${OTHERS}.`,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of read()) this.inc(labels, count);
      },
    });
  }

  get isFull(): boolean {
    return this.#counts.length >= SERIES_MAX;
  }

  /** @param values of the labels, in the order of their names */
  add(values: readonly string[], by = 1): void {
    this.#countOf(values).count += by;
  }

  /** Removes all other series, with their counts. */
  keepOnly(isWanted: (labels: Readonly<Record<string, string>>) => boolean): void {
    const kept = this.#counts.filter(({ labels }) => isWanted(labels));
    this.#root = new Map();
    this.#counts = [];
    for (const { labels, count } of kept)
      this.add(
        this.#labelNames.map((name) => labels[name]!),
        count,
      );
  }

  #countOf(values: readonly string[]): Count {
    let level = this.#root;
    for (const value of values.slice(0, -1)) {
      let next = level.get(value) as Level | undefined;
      if (next === undefined) {
        if (this.isFull) return this.#others;
        next = new Map();
        level.set(value, next);
      }
      level = next;
    }
    const last = values.at(-1)!;
    const known = level.get(last) as Count | undefined;
    if (known !== undefined) return known;
    if (this.isFull) return this.#others;
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index]!]));
    const count = { labels, count: 0 };
    level.set(last, count);
    this.#counts.push(count);
    return count;
  }
}
