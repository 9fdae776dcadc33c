/**
 * Work that can be interrupted at every `yield` and continued later, so that other work can run meanwhile; returns its
 * result.
 */
export type Steps<Result> = Generator<void, Result, void>;

/**
 * Whether a loop should yield at this iteration: often enough for other work, and not so often that it is expensive.
 */
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
