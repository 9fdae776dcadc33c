/** A range of code points or of bytes, both ends included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Code points a file name may hold, besides the slash that ends it: all but NUL and the surrogates. */
const NAME_CHARACTERS: readonly Range[] = [
  { low: 0x01, high: 0x2e },
  { low: 0x30, high: 0xd7ff },
  { low: 0xe000, high: 0x10ffff },
];

/** The given characters that can stand in a name, or all others that can: sorted, disjoint and never a slash. */
export function nameCharacters(members: readonly Range[], negated: boolean): Range[] {
  const merged = mergeRanges(members);
  return negated
    ? NAME_CHARACTERS.flatMap((allowed) => subtract(allowed, merged))
    : NAME_CHARACTERS.flatMap((allowed) => intersect(allowed, merged));
}

function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.low - b.low)) {
    const last = merged.at(-1);
    if (last === undefined || range.low > last.high + 1) merged.push(range);
    else merged[merged.length - 1] = { low: last.low, high: Math.max(last.high, range.high) };
  }
  return merged;
}

function intersect(range: Range, others: readonly Range[]): Range[] {
  return others
    .map(({ low, high }) => ({ low: Math.max(low, range.low), high: Math.min(high, range.high) }))
    .filter(({ low, high }) => low <= high);
}

function subtract(range: Range, others: readonly Range[]): Range[] {
  const left: Range[] = [];
  let low = range.low;
  for (const other of others) {
    if (other.high < low || other.low > range.high) continue;
    if (other.low > low) left.push({ low, high: other.low - 1 });
    low = other.high + 1;
  }
  if (low <= range.high) left.push({ low, high: range.high });
  return left;
}

/** The last code points whose UTF-8 form has one, two and three bytes. */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff] as const;

/**
 * The UTF-8 forms of a range of code points, as sequences of byte ranges: each sequence stands for every choice of one
 * byte from each of its ranges. Splits a range until only whole blocks of 64 vary; after the compiler of the `utf8`
 * ranges in RE2 (Cox, "Regular Expression Matching in the Wild", 2010).
 */
export function utf8Sequences(range: Range): Range[][] {
  const split = splitPoint(range);
  if (split !== undefined) {
    return [...utf8Sequences({ low: range.low, high: split }), ...utf8Sequences({ low: split + 1, high: range.high })];
  }
  const low = Buffer.from(String.fromCodePoint(range.low));
  const high = Buffer.from(String.fromCodePoint(range.high));
  return [Array.from(low, (byte, index) => ({ low: byte, high: high[index]! }))];
}

/** The last code point of the first part when the range must be split, else undefined. */
function splitPoint({ low, high }: Range): number | undefined {
  const boundary = LAST_OF_LENGTH.find((last) => low <= last && last < high);
  if (boundary !== undefined) return boundary;
  if (high <= LAST_OF_LENGTH[0]) return undefined;
  for (const bits of [6, 12, 18]) {
    const block = (1 << bits) - 1;
    if ((low & ~block) === (high & ~block)) return undefined;
    if ((low & block) !== 0) return low | block;
    if ((high & block) !== block) return (high & ~block) - 1;
  }
  return undefined;
}
