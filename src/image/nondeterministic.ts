import { type Range, utf8Sequences } from '../policy/characters.js';
import { IntBuffer } from './integers.js';
import type { Budget } from './limits.js';

/** Which bytes lead a node back to itself. */
export const LOOP_NONE = 0;
export const LOOP_EXCEPT_SLASH = 1;
export const LOOP_ANY = 2;

export const NO_NODE = -1;
const START = 0;
const SLASH = 0x2f;

/**
 * A nondeterministic automaton shaped as a prefix tree: patterns that begin alike share the nodes of their beginning. A
 * node stands for what led to it from the start, so that equal prefixes lead to the same node. Apart from loops,
 * everything leads from a node to one with a higher number.
 */
export class NondeterministicAutomaton {
  readonly start = START;
  /** The literal children of a node are a linked list; each has one parent, so its byte is stored with it. */
  readonly firstChild = new IntBuffer();
  readonly nextSibling = new IntBuffer();
  readonly byte = new IntBuffer();
  readonly loop = new IntBuffer();
  /** Transitions on ranges of bytes, a linked list per node. */
  readonly firstRange = new IntBuffer();
  readonly nextRange = new IntBuffer();
  readonly rangeLow = new IntBuffer();
  readonly rangeHigh = new IntBuffer();
  readonly rangeTarget = new IntBuffer();
  /** Transitions without a byte, a linked list per node. */
  readonly firstEmpty = new IntBuffer();
  readonly nextEmpty = new IntBuffer();
  readonly emptyTarget = new IntBuffer();
  /** The marks of paths that end at a node, a linked list per node. */
  readonly firstMark = new IntBuffer();
  readonly nextMark = new IntBuffer();
  readonly mark = new IntBuffer();

  readonly #joins = new Map<string, number>();
  readonly #characters = new Map<string, CharacterShape>();

  constructor(readonly budget: Budget) {
    this.#addNode(0);
  }

  get nodes(): number {
    return this.loop.length;
  }

  literal(from: number, bytes: Iterable<number>): number {
    let node = from;
    for (const byte of bytes) node = this.#child(node, byte);
    return node;
  }

  /** Any run of bytes, or of bytes but the slash. A run directly after one that covers it adds nothing. */
  run(from: number, crossesSlash: boolean): number {
    const loop = crossesSlash ? LOOP_ANY : LOOP_EXCEPT_SLASH;
    if (this.loop.at(from) >= loop) return from;
    return this.join(from, crossesSlash ? '**' : '*', (node) => {
      this.loop.values[node] = loop;
      this.empty(from, node);
    });
  }

  /** One byte or more, none of them a slash. */
  name(from: number): number {
    return this.join(from, 'name', (node) => {
      this.loop.values[node] = LOOP_EXCEPT_SLASH;
      this.#addRange(from, 0x01, SLASH - 1, node);
      this.#addRange(from, SLASH + 1, 0xff, node);
    });
  }

  /** One character of the given code points. `key` names the set. */
  character(from: number, key: string, ranges: readonly Range[]): number {
    const known = this.#joins.get(joinKey(from, key));
    if (known !== undefined) return known;
    const { tails, sequences } = this.#shapeOf(key, ranges);
    // The longest first, since everything leads to a higher number.
    const nodes = tails.map(() => this.#addNode(0));
    return this.join(from, key, (node) => {
      nodes.push(node);
      tails.forEach(({ low, high, rest }, index) => {
        this.#addRange(nodes[index]!, low, high, nodes[rest]!);
      });
      for (const { low, high, rest } of sequences) this.#addRange(from, low, high, nodes[rest]!);
    });
  }

  #shapeOf(key: string, ranges: readonly Range[]): CharacterShape {
    const shape = this.#characters.get(key) ?? characterShape(ranges);
    this.#characters.set(key, shape);
    return shape;
  }

  /** The node for what `key` names after `from`; if it is new it is made, and connected by `connect`. */
  join(from: number, key: string, connect: (node: number) => void): number {
    const text = joinKey(from, key);
    const known = this.#joins.get(text);
    if (known !== undefined) return known;
    const node = this.#addNode(0);
    this.#joins.set(text, node);
    connect(node);
    return node;
  }

  empty(from: number, to: number): void {
    this.budget.bound('transitions', this.emptyTarget.length);
    this.nextEmpty.push(this.firstEmpty.at(from));
    this.emptyTarget.push(to);
    this.firstEmpty.values[from] = this.emptyTarget.length - 1;
  }

  addMark(node: number, mark: number): void {
    this.nextMark.push(this.firstMark.at(node));
    this.mark.push(mark);
    this.firstMark.values[node] = this.mark.length - 1;
  }

  /** Marks everything that continues from here. */
  markAll(node: number, mark: number): void {
    this.addMark(this.run(node, true), mark);
  }

  #child(parent: number, byte: number): number {
    // A transition on NUL would be taken for the default.
    if (byte === 0) throw new RangeError('a path cannot hold NUL');
    for (let child = this.firstChild.at(parent); child !== NO_NODE; child = this.nextSibling.at(child)) {
      if (this.byte.at(child) === byte) return child;
    }
    const child = this.#addNode(byte);
    this.nextSibling.values[child] = this.firstChild.at(parent);
    this.firstChild.values[parent] = child;
    return child;
  }

  #addNode(byte: number): number {
    const node = this.nodes;
    this.budget.bound('states', node + 1);
    this.byte.push(byte);
    this.loop.push(LOOP_NONE);
    this.firstChild.push(NO_NODE);
    this.nextSibling.push(NO_NODE);
    this.firstRange.push(NO_NODE);
    this.firstEmpty.push(NO_NODE);
    this.firstMark.push(NO_NODE);
    return node;
  }

  #addRange(from: number, low: number, high: number, to: number): void {
    this.budget.bound('transitions', this.rangeTarget.length);
    this.nextRange.push(this.firstRange.at(from));
    this.rangeLow.push(low);
    this.rangeHigh.push(high);
    this.rangeTarget.push(to);
    this.firstRange.values[from] = this.rangeTarget.length - 1;
  }
}

function joinKey(from: number, key: string): string {
  return `${from} ${key}`;
}

/** How a character is read: ranges of first bytes, each with the number of the tail that is left, and the same of tails. */
interface CharacterShape {
  readonly sequences: readonly TailStep[];
  /** Each distinct proper tail once, the longest first; the number after the last stands for the end. */
  readonly tails: readonly TailStep[];
}

interface TailStep extends Range {
  readonly rest: number;
}

function characterShape(ranges: readonly Range[]): CharacterShape {
  const sequences = ranges.flatMap(utf8Sequences);
  const byText = new Map<string, readonly Range[]>();
  for (const sequence of sequences) {
    for (let length = 1; length < sequence.length; length++) {
      const tail = sequence.slice(-length);
      byText.set(formatTail(tail), tail);
    }
  }
  const longestFirst = [...byText].sort(([, a], [, b]) => b.length - a.length);
  const numbers = new Map([...longestFirst.map(([text]) => text), ''].map((text, index) => [text, index]));
  const stepOf = ([first, ...rest]: readonly Range[]): TailStep => ({
    ...first!,
    rest: numbers.get(formatTail(rest))!,
  });
  return { sequences: sequences.map(stepOf), tails: longestFirst.map(([, tail]) => stepOf(tail)) };
}

function formatTail(sequence: readonly Range[]): string {
  return sequence.map(({ low, high }) => `${low}-${high}`).join(' ');
}
