/**
 * Regular expressions over names of hosts and containers, as selectors have them: literals, `.`, `[…]`, `\d` `\w` `\s`,
 * `(…)`, `|`, `*`, `+`, `?`, `^` and `$`, found anywhere in a name. It keeps the set of places it may be at, so that no
 * expression takes longer than its length times the square of the name's.
 */
export class NameExpression {
  readonly #root: Part;

  /** @throws Error that says what is wrong with it */
  constructor(text: string) {
    if (text.length > EXPRESSION_LENGTH_MAX) throw new Error(`is longer than ${EXPRESSION_LENGTH_MAX} characters`);
    this.#root = new Reader(text).read();
  }

  /** Whether some part of the name matches. */
  isFoundIn(name: string): boolean {
    const everywhere = new Set(Array.from({ length: name.length + 1 }, (_, place) => place));
    return this.#root(name, everywhere).size > 0;
  }
}

const EXPRESSION_LENGTH_MAX = 256;

/** From the places a part may begin at to those it may end at. */
type Part = (name: string, from: ReadonlySet<number>) => ReadonlySet<number>;

const one =
  (accepts: (character: string) => boolean): Part =>
  (name, from) =>
    new Set([...from].filter((at) => at < name.length && accepts(name[at]!)).map((at) => at + 1));
const sequence =
  (parts: readonly Part[]): Part =>
  (name, from) =>
    parts.reduce((places, part) => part(name, places), from);
const either =
  (parts: readonly Part[]): Part =>
  (name, from) =>
    new Set(parts.flatMap((part) => [...part(name, from)]));
const optional =
  (part: Part): Part =>
  (name, from) =>
    new Set([...from, ...part(name, from)]);
const atPlace =
  (isThere: (name: string, at: number) => boolean): Part =>
  (name, from) =>
    new Set([...from].filter((at) => isThere(name, at)));

function repeated(part: Part): Part {
  return (name, from) => {
    const reached = new Set(from);
    let fresh: ReadonlySet<number> = from;
    while (fresh.size > 0) {
      fresh = new Set([...part(name, fresh)].filter((at) => !reached.has(at)));
      for (const at of fresh) reached.add(at);
    }
    return reached;
  };
}

class Reader {
  #at = 0;

  constructor(readonly text: string) {}

  read(): Part {
    const part = this.#alternatives();
    if (this.#at < this.text.length) throw new Error('has a `)` without `(`');
    return part;
  }

  #alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.text[this.#at] === '|') {
      this.#at++;
      parts.push(this.#sequence());
    }
    return parts.length === 1 ? parts[0]! : either(parts);
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.text.length && !'|)'.includes(this.text[this.#at]!)) parts.push(this.#repetition());
    return sequence(parts);
  }

  #repetition(): Part {
    let part = this.#atom();
    for (;;) {
      const mark = this.text[this.#at];
      if (mark === '{') throw new Error('counts repetitions with `{`, which is not taken: write them out');
      if (mark !== '*' && mark !== '+' && mark !== '?') return part;
      this.#at++;
      const repeatedPart = part;
      part =
        mark === '?'
          ? optional(repeatedPart)
          : mark === '*'
            ? repeated(repeatedPart)
            : sequence([repeatedPart, repeated(repeatedPart)]);
    }
  }

  #atom(): Part {
    const character = this.text[this.#at++]!;
    switch (character) {
      case '*':
      case '+':
      case '?':
        throw new Error(`has a \`${character}\` with nothing before it that could be repeated`);
      case '{':
        throw new Error('counts repetitions with `{`, which is not taken: write them out');
      case '.':
        return one(() => true);
      case '^':
        return atPlace((_, at) => at === 0);
      case '$':
        return atPlace((name, at) => at === name.length);
      case '(':
        return this.#group();
      case '[':
        return one(this.#set());
      case '\\':
        return one(this.#escaped());
      default:
        return one((other) => other === character);
    }
  }

  #group(): Part {
    if (this.text.startsWith('?:', this.#at)) this.#at += 2;
    const part = this.#alternatives();
    if (this.text[this.#at++] !== ')') throw new Error('has a `(` without `)`');
    return part;
  }

  #escaped(): (character: string) => boolean {
    const letter = this.text[this.#at++];
    if (letter === undefined) throw new Error('ends in a lone `\\`');
    const known = CLASSES[letter];
    if (known !== undefined) return (character) => known.test(character);
    if (/[a-z0-9]/iu.test(letter)) throw new Error(`has the escape \`\\${letter}\`, which is not taken`);
    return (character) => character === letter;
  }

  #set(): (character: string) => boolean {
    const negated = this.text[this.#at] === '^';
    if (negated) this.#at++;
    const members: ((character: string) => boolean)[] = [];
    while (this.text[this.#at] !== ']' || members.length === 0) {
      const low = this.text[this.#at++];
      if (low === undefined) throw new Error('has a `[` without `]`');
      const next = this.text[this.#at + 1];
      if (low === '\\') members.push(this.#escaped());
      else if (this.text[this.#at] === '-' && next !== undefined && next !== ']') {
        this.#at += 2;
        if (next < low) throw new Error(`has the range \`${low}-${next}\`, whose end comes before its beginning`);
        members.push((character) => low <= character && character <= next);
      } else members.push((character) => character === low);
    }
    this.#at++;
    return (character) => members.some((isMember) => isMember(character)) !== negated;
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = { d: /\d/u, D: /\D/u, w: /\w/u, W: /\W/u, s: /\s/u, S: /\S/u };
