/** One's place among others. */
export interface QueuePlace {
  /** Resolves once everything that comes before is over. */
  readonly come: Promise<void>;
  /** To be called when what it was taken for is over. */
  end(): void;
}

/** Keeps what is about the same things in the order in which it came; everything else continues side by side. */
export class KeyedQueue {
  readonly #lastAbout = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  #lastAboutAll: Promise<void> | undefined;

  /** @param names of the things that it is about; left out: of all */
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
