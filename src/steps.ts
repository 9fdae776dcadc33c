/** Work that may be left at every `yield` and gone on with later, so that other work can run meanwhile; returns its result. */
export type Steps<Result> = Generator<void, Result, void>;

/** Whether a loop that has come so far may be left: often enough for others, and not so often that it costs. */
export function isStep(index: number): boolean {
  return (index & 63) === 0;
}

/** Does the work in one go. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
