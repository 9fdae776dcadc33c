import { nameCharacters, type Range } from './characters.js';
import { PATH_BYTES_MAX } from './model.js';

/**
 * What a pattern is made of. It matches a path whole.
 *
 * - `*` is any run of bytes except `/`, `**` any run of bytes; both may be empty. `/a/**` + `/b` needs both slashes.
 * - `?` is one character except `/`; `[abc]`, `[a-z]` one of the set; `[!abc]`, `[^abc]` one not of the set, never `/`.
 *   A character is one code point in UTF-8: bytes that are not UTF-8 match `*` and `**` only.
 * - `{a,b}` is either; alternatives nest, hold wildcards, and may be empty as in `{,a}`.
 * - `\x` is the character x itself, in a set too. `]`, `}` and `,` stand for themselves where they close nothing.
 */
export type PatternItem =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  | { readonly kind: 'run'; readonly crossesSlash: boolean }
  /** Code points, sorted and disjoint; never a slash. `text` is its source. */
  | { readonly kind: 'character'; readonly ranges: readonly Range[]; readonly text: string }
  | { readonly kind: 'alternatives'; readonly branches: readonly PatternItem[][]; readonly text: string };

export const PATTERN_DEPTH_MAX = 10;

/** Thrown for a malformed pattern; `offset` counts UTF-16 units from 0. */
export class PatternError extends Error {
  override readonly name = 'PatternError';

  constructor(
    readonly problem: string,
    readonly offset: number,
  ) {
    super(`${problem} (at character ${offset + 1})`);
  }
}

export function parsePattern(pattern: string): PatternItem[] {
  const bytes = Buffer.byteLength(pattern);
  if (bytes > PATH_BYTES_MAX) {
    throw new PatternError(`is ${bytes} bytes long, at most ${PATH_BYTES_MAX} are accepted`, 0);
  }
  const unusable = pattern.search(/\0|\p{Cs}/u);
  if (unusable >= 0) throw new PatternError('must be well-formed Unicode without NUL', unusable);
  return new PatternParser(pattern).parse();
}

/** Says what is wrong with a pattern, or undefined when it is well formed. */
export function checkPattern(pattern: string): string | undefined {
  try {
    parsePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

const LAST_ASCII = 0x7f;

class PatternParser {
  #offset = 0;
  #depth = 0;

  constructor(readonly pattern: string) {}

  parse(): PatternItem[] {
    return this.#sequence('');
  }

  /** Items up to one of the closing characters, which is left unread, or to the end. */
  #sequence(closing: string): PatternItem[] {
    const items: PatternItem[] = [];
    for (;;) {
      const literal = this.#literal(closing);
      if (literal !== '') items.push({ kind: 'literal', bytes: Buffer.from(literal) });
      const next = this.pattern[this.#offset];
      if (next === '*') items.push(this.#run());
      else if (next === '?') items.push(this.#anyCharacter());
      else if (next === '[') items.push(this.#set());
      else if (next === '{') items.push(this.#alternatives());
      else return items;
    }
  }

  #literal(closing: string): string {
    let literal = '';
    while (this.#offset < this.pattern.length) {
      const next = this.pattern[this.#offset]!;
      if ('*?[{'.includes(next) || closing.includes(next)) break;
      literal += this.#character();
    }
    return literal;
  }

  /** One character of the pattern, freed of its backslash. */
  #character(): string {
    if (this.pattern[this.#offset] === '\\') {
      this.#offset++;
      if (this.#offset === this.pattern.length) {
        throw new PatternError('ends in a backslash that escapes nothing', this.#offset - 1);
      }
    }
    const character = String.fromCodePoint(this.pattern.codePointAt(this.#offset)!);
    this.#offset += character.length;
    return character;
  }

  #run(): PatternItem {
    const start = this.#offset;
    while (this.pattern[this.#offset] === '*') this.#offset++;
    return { kind: 'run', crossesSlash: this.#offset - start > 1 };
  }

  #anyCharacter(): PatternItem {
    this.#offset++;
    return { kind: 'character', ranges: nameCharacters([], true), text: '?' };
  }

  #set(): PatternItem {
    const start = this.#offset++;
    const negated = '!^'.includes(this.pattern[this.#offset] ?? ' ');
    if (negated) this.#offset++;
    const members: Range[] = [];
    while (this.pattern[this.#offset] !== ']') {
      if (this.#offset >= this.pattern.length) throw new PatternError('has a `[` that no `]` closes', start);
      members.push(this.#member(start));
    }
    this.#offset++;
    if (members.length === 0) throw new PatternError('has an empty set, write `\\]` for a `]` in a set', start);
    const ranges = nameCharacters(members, negated);
    if (ranges.length === 0) throw new PatternError('has a set of nothing but `/`, which a set never matches', start);
    return { kind: 'character', ranges, text: this.pattern.slice(start, this.#offset) };
  }

  /** One character of a set, or a range. A `-` that stands first or last is a character. */
  #member(setStart: number): Range {
    const start = this.#offset;
    const low = this.#character().codePointAt(0)!;
    const after = this.pattern[this.#offset + 1];
    if (this.pattern[this.#offset] !== '-' || after === ']') return { low, high: low };
    this.#offset++;
    if (after === undefined) throw new PatternError('has a `[` that no `]` closes', setStart);
    const high = this.#character().codePointAt(0)!;
    const text = this.pattern.slice(start, this.#offset);
    if (low > LAST_ASCII || high > LAST_ASCII) {
      throw new PatternError(`has the range \`${text}\`, the ends of a range must be ASCII characters`, start);
    }
    if (low > high) throw new PatternError(`has the reversed range \`${text}\``, start);
    return { low, high };
  }

  #alternatives(): PatternItem {
    const start = this.#offset;
    if (++this.#depth > PATTERN_DEPTH_MAX) {
      throw new PatternError(`nests alternatives deeper than ${PATTERN_DEPTH_MAX}`, start);
    }
    const branches: PatternItem[][] = [];
    do {
      this.#offset++;
      branches.push(this.#sequence(',}'));
    } while (this.pattern[this.#offset] === ',');
    if (this.#offset >= this.pattern.length) throw new PatternError('has a `{` that no `}` closes', start);
    this.#offset++;
    this.#depth--;
    const text = this.pattern.slice(start, this.#offset);
    if (text === '{}') throw new PatternError('has no alternatives between `{` and `}`', start);
    return { kind: 'alternatives', branches, text };
  }
}
