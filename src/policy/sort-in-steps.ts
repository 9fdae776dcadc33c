import type { Steps } from '../steps.js';

/** This many items are sorted, or merged, in one step. */
const STEP_ITEMS = 512;

/** A sorted copy, as of `sort` with the same comparison, so that other work can run between its steps. */
export function* sortInSteps<Item>(
  items: readonly Item[],
  compare: (left: Item, right: Item) => number,
): Steps<Item[]> {
  let runs: Item[][] = [];
  for (let first = 0; first < items.length; first += STEP_ITEMS) {
    runs.push(items.slice(first, first + STEP_ITEMS).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let place = 0; place < runs.length; place += 2)
      merged.push(yield* merge(runs[place]!, runs[place + 1], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<Item>(
  left: Item[],
  right: Item[] | undefined,
  compare: (left: Item, right: Item) => number,
): Steps<Item[]> {
  if (right === undefined) return left;
  const merged: Item[] = [];
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const takesLeft = r === right.length || (l < left.length && compare(left[l]!, right[r]!) <= 0);
    merged.push(takesLeft ? left[l++]! : right[r++]!);
    if (merged.length % STEP_ITEMS === 0) yield;
  }
  return merged;
}
