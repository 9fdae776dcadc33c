import { giveWay } from '../time-slices.js';

/** A change that is the one in force, and on its way into the kernel. */
export interface Adopted {
  /** Resolves once the kernel has it. @throws Failure internal */
  readonly published: Promise<void>;
}

/**
 * This many containers change in one piece, within a few milliseconds. Each piece waits for its own grace period, in
 * parallel with the others.
 */
const PIECE = 1024;

/**
 * Makes a change piece by piece, and lets other work run in between. What is in one piece changes at once; resolves
 * when the last piece is on its way.
 *
 * @param adopt resolves once the kernel has the piece
 */
export async function adoptInPieces<Item>(
  items: Iterable<Item>,
  adopt: (piece: Item[]) => Promise<void>,
): Promise<Adopted> {
  const published: Promise<void>[] = [];
  const begin = (piece: Item[]) => {
    const made = adopt(piece);
    // It is waited for with all others.
    made.catch(() => undefined);
    published.push(made);
  };
  let piece: Item[] = [];
  for (const item of items) {
    piece.push(item);
    if (piece.length < PIECE) continue;
    begin(piece);
    piece = [];
    await giveWay();
  }
  if (piece.length > 0) begin(piece);
  const all = allSettled(published);
  // Whoever makes the change may have more to do before it waits.
  all.catch(() => undefined);
  return { published: all };
}

/** Resolves, or fails, once all have ended. */
async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}
