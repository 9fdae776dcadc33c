/** Bounds on the making of one image. They hold for any input: each is checked while the thing it bounds grows. */
export interface Limits {
  /** States of the automaton, before as well as after it is made deterministic. */
  readonly states: number;
  /** Transitions of the automaton, verdicts counted in. */
  readonly transitions: number;
  /**
   * Elementary steps. Bounds the time: counted, not measured, so that equal rule sets get the same result everywhere.
   */
  readonly work: number;
}

export const DEFAULT_LIMITS: Limits = { states: 1 << 20, transitions: 1 << 22, work: 20_000_000 };

/** Thrown where a limit is passed; compile.ts turns it into a Failure. */
export class LimitExceeded extends Error {
  override readonly name = 'LimitExceeded';

  constructor(
    readonly kind: keyof Limits,
    readonly limit: number,
  ) {
    super(`more than ${limit} ${kind === 'work' ? 'steps' : kind}`);
  }
}

/** What is left of the limits for one automaton. */
export class Budget {
  #spent = 0;

  constructor(readonly limits: Limits) {}

  get workSpent(): number {
    return this.#spent;
  }

  /** Adds to the work done. */
  spend(work: number): void {
    this.#spent += work;
    if (this.#spent > this.limits.work) throw new LimitExceeded('work', this.limits.work);
  }

  /** Checks the size of something that grows. */
  bound(kind: 'states' | 'transitions', count: number): void {
    if (count > this.limits[kind]) throw new LimitExceeded(kind, this.limits[kind]);
  }
}
