/**
 * Patterns of the policy language, by simulating every way at once (K. Thompson, "Regular expression search algorithm",
 * 1968). Written apart from src/image, against which it is tested: time grows with pattern times text and no faster.
 */

/** What a node accepts; a run loops, an empty node only leads on. */
type Node =
  | { readonly kind: 'character'; readonly accepts: (character: string) => boolean; next: number }
  | { readonly kind: 'run'; readonly crossesSlash: boolean; next: number }
  | { readonly kind: 'fork'; readonly branches: number[] };

const SLASH = 0x2f;
const END = -1;

export class Glob {
  readonly #nodes: Node[] = [];
  readonly #start: number;

  /** @param pattern a well-formed one */
  constructor(pattern: string) {
    const characters = [...pattern];
    this.#start = this.#sequence(characters, 0, characters.length, END);
  }

  matches(text: Uint8Array): boolean {
    const reached = Array.from({ length: text.length + 1 }, () => new Set<number>());
    this.#enter(reached[0]!, this.#start);
    for (let offset = 0; offset < text.length; offset++) {
      const character = characterAt(text, offset);
      for (const index of reached[offset]!) {
        if (index === END) continue;
        const node = this.#nodes[index]!;
        if (node.kind === 'run' && (node.crossesSlash || text[offset] !== SLASH)) {
          this.#enter(reached[offset + 1]!, index);
        } else if (node.kind === 'character' && character !== undefined && node.accepts(character)) {
          this.#enter(reached[offset + Buffer.byteLength(character)]!, node.next);
        }
      }
    }
    return reached[text.length]!.has(END);
  }

  /** Adds a node and all that can be reached from it without a byte. */
  #enter(set: Set<number>, first: number): void {
    const waiting = [first];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (set.has(index)) continue;
      set.add(index);
      if (index === END) continue;
      const node = this.#nodes[index]!;
      if (node.kind === 'run') waiting.push(node.next);
      else if (node.kind === 'fork') waiting.push(...node.branches);
    }
  }

  #add(node: Node): number {
    return this.#nodes.push(node) - 1;
  }

  /** Builds what stands from `at` to `end`, leading on to `next`; returns its first node. */
  #sequence(text: readonly string[], at: number, end: number, next: number): number {
    if (at >= end) return next;
    const character = text[at]!;
    if (character === '*') {
      let after = at;
      while (after < end && text[after] === '*') after++;
      return this.#add({ kind: 'run', crossesSlash: after - at > 1, next: this.#sequence(text, after, end, next) });
    }
    if (character === '{') {
      const { close, commas } = walkBraces(text, at);
      const rest = this.#sequence(text, close + 1, end, next);
      const branches: number[] = [];
      let from = at + 1;
      for (const comma of [...commas, close]) {
        branches.push(this.#sequence(text, from, comma, rest));
        from = comma + 1;
      }
      return this.#add({ kind: 'fork', branches });
    }
    if (character === '[') {
      const { accepts, after } = readSet(text, at);
      return this.#add({ kind: 'character', accepts, next: this.#sequence(text, after, end, next) });
    }
    if (character === '?') {
      return this.#add({ kind: 'character', accepts: isNoSlash, next: this.#sequence(text, at + 1, end, next) });
    }
    const escaped = character === '\\' ? 1 : 0;
    const literal = text[at + escaped]!;
    const accepts = (candidate: string) => candidate === literal;
    return this.#add({ kind: 'character', accepts, next: this.#sequence(text, at + escaped + 1, end, next) });
  }
}

const isNoSlash = (character: string): boolean => character !== '/';

/** The character at this place; undefined if the bytes are not valid. */
function characterAt(text: Uint8Array, offset: number): string | undefined {
  for (let length = 1; length <= 4 && offset + length <= text.length; length++) {
    const bytes = Buffer.from(text.subarray(offset, offset + length));
    const character = bytes.toString('utf8');
    if ([...character].length === 1 && Buffer.from(character).equals(bytes)) return character;
  }
  return undefined;
}

function readSet(text: readonly string[], open: number): { accepts: (character: string) => boolean; after: number } {
  let at = open + 1;
  const negated = text[at] === '!' || text[at] === '^';
  if (negated) at++;
  const ranges: (readonly [string, string])[] = [];
  const member = () => text[text[at] === '\\' ? ++at : at]!;
  for (; text[at] !== ']'; at++) {
    const low = member();
    if (text[at + 1] === '-' && text[at + 2] !== ']') {
      at += 2;
      ranges.push([low, member()]);
    } else {
      ranges.push([low, low]);
    }
  }
  const code = (character: string) => character.codePointAt(0)!;
  const isIn = (character: string) =>
    ranges.some(([low, high]) => code(low) <= code(character) && code(character) <= code(high));
  return { accepts: (character) => character !== '/' && isIn(character) !== negated, after: at + 1 };
}

/** Where the braces that open here close, and the commas between them that part their branches. */
function walkBraces(text: readonly string[], open: number): { close: number; commas: number[] } {
  const found: number[] = [];
  let depth = 0;
  for (let at = open; ; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') at = readSet(text, at).after - 1;
    else if (text[at] === '{') depth++;
    else if (text[at] === ',' && depth === 1) found.push(at);
    else if (text[at] === '}' && --depth === 0) return { close: at, commas: found };
  }
}

/** What stands in a pattern before its first wildcard. */
export function literalStartOf(pattern: string): string {
  let start = '';
  for (let at = 0; at < pattern.length && !'*?[{'.includes(pattern[at]!); ) {
    if (pattern[at] === '\\') at++;
    const character = String.fromCodePoint(pattern.codePointAt(at)!);
    start += character;
    at += character.length;
  }
  return start;
}
