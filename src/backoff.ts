/** How long to wait between attempts, in milliseconds: doubled each time, from the first to the most. */
export interface Backoff {
  readonly first: number;
  readonly most: number;
}

/** Milliseconds to wait. @param failures in a row so far, at least one */
export function waitAfter(failures: number, { first, most }: Backoff): number {
  return Math.min(first * 2 ** (failures - 1), most);
}
