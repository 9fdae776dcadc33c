/** A place in the queue. */
export interface QueuePlace {
  /** Resolves once everything that comes before is over. */
  readonly come: Promise<void>;
  /** To be called when the work is done. */
  end(): void;
}

/** Keeps work with the same keys in the order in which it came; all other work runs in parallel. */
export class KeyedQueue {
  readonly #lastAbout = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  #lastAboutAll: Promise<void> | undefined;

  /** @param names the keys that the work has; left out: all of them */
  enter(names?: readonly string[]): QueuePlace {
    let resolve!: () => void;
    const over = new Promise<void>((done) => {
      resolve = done;
    });
    const before =
      names === undefined
        ? [...this.#underWay]
        : [...names.flatMap((name) => this.#lastAbout.get(name) ?? []), this.#lastAboutAll];
    this.#underWay.add(over);
    if (names === undefined) this.#lastAboutAll = over;
    for (const name of names ?? []) this.#lastAbout.set(name, over);
    const end = () => {
      this.#underWay.delete(over);
      if (this.#lastAboutAll === over) this.#lastAboutAll = undefined;
      for (const name of names ?? []) if (this.#lastAbout.get(name) === over) this.#lastAbout.delete(name);
      resolve();
    };
    return { come: Promise.all(before).then(() => undefined), end };
  }
}
