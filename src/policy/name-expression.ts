/**
 * Regular expressions over names of hosts and containers, as selectors have them: literals, `.`, `[…]`, `\d` `\w` `\s`,
 * `(…)`, `|`, `*`, `+`, `?`, `^` and `$`, found anywhere in a name. It keeps the set of states it may be in, so that no
 * expression takes longer than its length times the name's.
 */
export class NameExpression {
  readonly #states: readonly State[];
  readonly #first: number;

  /** @throws Error that says what is wrong with it */
  constructor(text: string) {
    if (text.length > EXPRESSION_LENGTH_MAX) throw new Error(`is longer than ${EXPRESSION_LENGTH_MAX} characters`);
    const part = new Reader(text).read();
    const states: State[] = [{ kind: 'found' }];
    this.#first = part(0, states);
    this.#states = states;
  }

  /** Whether some part of the name matches. */
  matchesIn(name: string): boolean {
    let reached: readonly State[] = [];
    for (let at = 0; at <= name.length; at++) {
      // A match may begin at each place.
      const next = [this.#first];
      for (const state of reached) {
        if (state.kind === 'character' && state.accepts(name[at - 1]!)) next.push(state.next);
      }
      reached = this.#closure(next, at, name.length);
      if (reached.some(({ kind }) => kind === 'found')) return true;
    }
    return false;
  }

  /** States that are reached without a character, at a place of a name of that length. */
  #closure(from: number[], at: number, length: number): State[] {
    const seen = new Uint8Array(this.#states.length);
    const reached: State[] = [];
    for (let index = from.pop(); index !== undefined; index = from.pop()) {
      if (seen[index] === 1) continue;
      seen[index] = 1;
      const state = this.#states[index]!;
      if (state.kind === 'choice') from.push(...state.next);
      else if (state.kind === 'place') {
        if (state.isThere(at, length)) from.push(state.next);
      } else reached.push(state);
    }
    return reached;
  }
}

const EXPRESSION_LENGTH_MAX = 256;

type State =
  | { readonly kind: 'found' }
  | { readonly kind: 'character'; readonly accepts: (character: string) => boolean; readonly next: number }
  | { readonly kind: 'place'; readonly isThere: (at: number, length: number) => boolean; readonly next: number }
  | { readonly kind: 'choice'; readonly next: number[] };

/** Adds the states of a part in front of a state, and returns the one it begins with. */
type Part = (next: number, states: State[]) => number;

const one =
  (accepts: (character: string) => boolean): Part =>
  (next, states) =>
    states.push({ kind: 'character', accepts, next }) - 1;
const atPlace =
  (isThere: (at: number, length: number) => boolean): Part =>
  (next, states) =>
    states.push({ kind: 'place', isThere, next }) - 1;
const sequence =
  (parts: readonly Part[]): Part =>
  (next, states) =>
    parts.reduceRight((following, part) => part(following, states), next);
const either =
  (parts: readonly Part[]): Part =>
  (next, states) =>
    states.push({ kind: 'choice', next: parts.map((part) => part(next, states)) }) - 1;
const optional = (part: Part): Part => either([part, (next) => next]);

/** @param least how many there are at least */
const repeated =
  (part: Part, least: 0 | 1): Part =>
  (next, states) => {
    const again: number[] = [next];
    const choice = states.push({ kind: 'choice', next: again }) - 1;
    const first = part(choice, states);
    again.push(first);
    return least === 0 ? choice : first;
  };

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
      if (mark === '{') throw new Error('counts repetitions with `{`, which is not supported: write them out');
      if (mark !== '*' && mark !== '+' && mark !== '?') return part;
      this.#at++;
      part = mark === '?' ? optional(part) : repeated(part, mark === '*' ? 0 : 1);
      // Whether a repetition is greedy makes no difference to whether there is a match.
      if (this.text[this.#at] === '?') this.#at++;
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
        throw new Error('counts repetitions with `{`, which is not supported: write them out');
      case '.':
        return one(() => true);
      case '^':
        return atPlace((at) => at === 0);
      case '$':
        return atPlace((at, length) => at === length);
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
    if (/[a-z0-9]/iu.test(letter)) throw new Error(`has the escape \`\\${letter}\`, which is not supported`);
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
