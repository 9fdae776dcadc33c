import type { Automaton } from './automaton.js';
import { IntListTable } from './integers.js';
import { isStep, type Steps } from './steps.js';

/** Bytes as a set of bits, in so many words. */
const SET_WORDS = 8;
const DEFAULT_BYTE = 0;
/** Sets of bytes are numbered anew once there are so many, so that they do not pile up. */
const SETS_KEPT = 1 << 16;

/**
 * Which states no path can tell apart: the block of each state, counted from 0.
 *
 * Hopcroft's refinement ("An n log n algorithm for minimizing states in a finite automaton", 1971), with Valmari and
 * Franceschinis' way of splitting a block by a key ("Simple O(m log n) time Markov chain lumping", 2010): the key of a
 * state is the set of bytes that lead it into the splitter. So a default counts as what it stands for, and it does not
 * matter which of its targets a state happens to have as its default.
 */
export function coarsestPartition(automaton: Automaton): Steps<Int32Array> {
  return new Refinement(automaton).run();
}

class Refinement {
  /** The states, those of a block side by side; and where each state is. */
  readonly #elements: Int32Array;
  readonly #position: Int32Array;
  readonly #blockOf: Int32Array;
  readonly #first: Int32Array;
  readonly #end: Int32Array;
  /** How many states of a block have been touched; they stand at its front. */
  readonly #touched: Int32Array;
  #blocks = 0;

  readonly #waiting: number[] = [];

  readonly #firstIncoming: Int32Array;
  readonly #incomingSource: Int32Array;
  readonly #incomingByte: Uint8Array;

  readonly #sets: Int32Array;
  readonly #keys: Int32Array;
  #knownSets = new IntListTable();

  constructor(readonly automaton: Automaton) {
    const { states, defaults, firstTransition, bytes, targets } = automaton;
    this.#elements = new Int32Array(states);
    this.#position = new Int32Array(states);
    this.#blockOf = new Int32Array(states);
    this.#first = new Int32Array(states);
    this.#end = new Int32Array(states);
    this.#touched = new Int32Array(states);
    this.#sets = new Int32Array(states * SET_WORDS);
    this.#keys = new Int32Array(states);

    const next = new Int32Array(states + 1);
    for (const target of defaults) next[target]!++;
    for (const target of targets) next[target]!++;
    let total = 0;
    for (let state = 0; state <= states; state++) {
      const count = next[state]!;
      next[state] = total;
      total += count;
    }
    this.#firstIncoming = Int32Array.from(next);
    this.#incomingSource = new Int32Array(total);
    this.#incomingByte = new Uint8Array(total);
    const addIncoming = (source: number, byte: number, target: number): void => {
      const index = next[target]!++;
      this.#incomingSource[index] = source;
      this.#incomingByte[index] = byte;
    };
    for (let state = 0; state < states; state++) {
      addIncoming(state, DEFAULT_BYTE, defaults[state]!);
      for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
        addIncoming(state, bytes[index]!, targets[index]!);
      }
    }
  }

  *run(): Steps<Int32Array> {
    this.#partitionByLabel();
    let largest = 0;
    for (let block = 1; block < this.#blocks; block++) if (this.#size(block) > this.#size(largest)) largest = block;
    for (let block = 0; block < this.#blocks; block++) if (block !== largest) this.#waiting.push(block);
    for (let round = 0; ; round++) {
      const splitter = this.#waiting.pop();
      if (splitter === undefined) return this.#blockOf;
      this.#splitBy(splitter);
      if (isStep(round)) yield;
    }
  }

  #partitionByLabel(): void {
    const { states, labels } = this.automaton;
    const next: number[] = [];
    for (const label of labels) next[label] = (next[label] ?? 0) + 1;
    const blockOfLabel: number[] = [];
    let total = 0;
    for (let label = 0; label < next.length; label++) {
      const count = next[label];
      if (count === undefined) continue;
      blockOfLabel[label] = this.#blocks;
      next[label] = this.#first[this.#blocks] = total;
      total += count;
      this.#end[this.#blocks++] = total;
    }
    for (let state = 0; state < states; state++) {
      const label = labels[state]!;
      this.#blockOf[state] = blockOfLabel[label]!;
      this.#place(state, next[label]!++);
    }
  }

  #splitBy(splitter: number): void {
    const touched = this.#collect(splitter);
    if (this.#knownSets.size > SETS_KEPT) this.#knownSets = new IntListTable();
    const touchedBlocks: number[] = [];
    for (const state of touched) {
      const block = this.#blockOf[state]!;
      if (this.#size(block) > 1) {
        this.#keys[state] = this.#knownSets.intern(this.#sets, state * SET_WORDS, SET_WORDS);
        if (this.#touched[block] === 0) touchedBlocks.push(block);
        this.#swap(state, this.#first[block]! + this.#touched[block]!++);
      }
      this.#sets.fill(0, state * SET_WORDS, (state + 1) * SET_WORDS);
    }
    for (const block of touchedBlocks) this.#split(block);
  }

  /** The states that some byte leads into the splitter. The sets of these bytes are left in `#sets`. */
  #collect(splitter: number): number[] {
    const touched: number[] = [];
    for (let at = this.#first[splitter]!; at < this.#end[splitter]!; at++) {
      const target = this.#elements[at]!;
      for (let index = this.#firstIncoming[target]!; index < this.#firstIncoming[target + 1]!; index++) {
        const source = this.#incomingSource[index]!;
        const byte = this.#incomingByte[index]!;
        const wasEmpty = this.#isEmpty(source);
        if (byte === DEFAULT_BYTE) this.#addUnmentioned(source);
        else this.#sets[source * SET_WORDS + (byte >>> 5)]! |= 1 << (byte & 31);
        if (wasEmpty && !this.#isEmpty(source)) touched.push(source);
      }
    }
    return touched;
  }

  #isEmpty(state: number): boolean {
    const first = state * SET_WORDS;
    for (let word = first; word < first + SET_WORDS; word++) if (this.#sets[word] !== 0) return false;
    return true;
  }

  /** Adds the bytes that follow the default: all but NUL and those with a transition. */
  #addUnmentioned(state: number): void {
    const { firstTransition, bytes } = this.automaton;
    const first = state * SET_WORDS;
    const mentioned = new Int32Array(SET_WORDS);
    mentioned[0] = 1;
    for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
      const byte = bytes[index]!;
      mentioned[byte >>> 5]! |= 1 << (byte & 31);
    }
    for (let word = 0; word < SET_WORDS; word++) this.#sets[first + word]! |= ~mentioned[word]!;
  }

  /** Splits a block by the keys of its touched states; the untouched ones are a part of their own. */
  #split(block: number): void {
    const first = this.#first[block]!;
    const firstUntouched = first + this.#touched[block]!;
    const end = this.#end[block]!;
    this.#touched[block] = 0;
    this.#sortByKey(first, firstUntouched);
    const starts = [first];
    for (let at = first + 1; at < firstUntouched; at++) {
      if (this.#keyAt(at) !== this.#keyAt(at - 1)) starts.push(at);
    }
    if (firstUntouched < end) starts.push(firstUntouched);
    if (starts.length === 1) return;
    starts.push(end);
    let largest = 0;
    for (let part = 1; part + 1 < starts.length; part++) {
      if (starts[part + 1]! - starts[part]! > starts[largest + 1]! - starts[largest]!) largest = part;
    }
    // The largest part keeps the number. It need be waited for only if the block was: the others tell the same.
    for (let part = 0; part + 1 < starts.length; part++) {
      if (part === largest) continue;
      const made = this.#blocks++;
      this.#first[made] = starts[part]!;
      this.#end[made] = starts[part + 1]!;
      for (let at = starts[part]!; at < starts[part + 1]!; at++) this.#blockOf[this.#elements[at]!] = made;
      this.#waiting.push(made);
    }
    this.#first[block] = starts[largest]!;
    this.#end[block] = starts[largest + 1]!;
  }

  #sortByKey(first: number, end: number): void {
    let sorted = true;
    for (let at = first + 1; at < end && sorted; at++) sorted = this.#keyAt(at - 1) <= this.#keyAt(at);
    if (sorted) return;
    const part = this.#elements.subarray(first, end).sort((a, b) => this.#keys[a]! - this.#keys[b]!);
    part.forEach((state, index) => {
      this.#position[state] = first + index;
    });
  }

  #keyAt(position: number): number {
    return this.#keys[this.#elements[position]!]!;
  }

  #size(block: number): number {
    return this.#end[block]! - this.#first[block]!;
  }

  #swap(state: number, position: number): void {
    const other = this.#elements[position]!;
    this.#place(other, this.#position[state]!);
    this.#place(state, position);
  }

  #place(state: number, position: number): void {
    this.#elements[position] = state;
    this.#position[state] = position;
  }
}
