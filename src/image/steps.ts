/** Work that may be left at every `yield` and gone on with later, for others to have their turn; returns its result. */
export type Steps<Result> = Generator<void, Result, void>;

/** Does the work in one go. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
