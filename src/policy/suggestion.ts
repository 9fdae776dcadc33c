/** A word of `known` that `word` is probably a misspelling of, or undefined when none is near. */
export function suggest(text: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase());
    if (distance < least && distance <= toleratedEdits(candidate)) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

// Short words are all similar to each other, so they tolerate fewer edits.
function toleratedEdits(text: string): number {
  return text.length <= 4 ? 1 : 2;
}

/** Levenshtein's distance; words whose lengths are too far apart are not compared at all. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + Number(a[row - 1] !== b[column - 1]);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
