import { isStep, type Steps } from '../steps.js';
import { type Automaton, PATH_BYTE_VALUES } from './automaton.js';
import { finiteClasses, type SignatureReader, UNSETTLED } from './finite-classes.js';
import { IntBuffer, IntListTable } from './integers.js';

/** The number of words in a bit set of bytes. */
const SET_WORDS = 8;
const DEFAULT_BYTE = 0;
const NOT_INCLUDED = -1;
/** Sets of bytes are renumbered once there are this many, so that they do not pile up. */
const CACHED_SETS_MAX = 1 << 16;

/** Which states no path can distinguish: the block of each state, counted from 0. */
export function* coarsestPartition(given: Automaton): Steps<Int32Array> {
  const automaton = { ...given, defaults: followedDefaults(given) };
  const { classOf, count, signatures } = yield* finiteClasses(automaton);
  const unsettled = new IntBuffer();
  for (let state = 0; state < automaton.states; state++) if (classOf[state] === UNSETTLED) unsettled.push(state);
  if (unsettled.length === 0) return classOf;
  const members = unsettled.values.subarray(0, unsettled.length);
  const blockOf = yield* new Refinement(automaton, members, signatures).run();
  for (let index = 0; index < members.length; index++) classOf[members[index]!] = count + blockOf[index]!;
  return classOf;
}

/** Replaces the default of states that have a transition for each byte, where it has no meaning. */
function followedDefaults({ states, defaults, firstTransition, targets }: Automaton): Int32Array {
  const followed = Int32Array.from(defaults);
  for (let state = 0; state < states; state++) {
    const first = firstTransition[state]!;
    if (firstTransition[state + 1]! - first === PATH_BYTE_VALUES) followed[state] = targets[first]!;
  }
  return followed;
}

/**
 * Tells states apart that go round cycles or lead to some; they are numbered from 0 here.
 *
 * Hopcroft's refinement ("An n log n algorithm for minimizing states in a finite automaton", 1971), with Valmari and
 * Franceschinis' way of splitting a block by a key ("Simple O(m log n) time Markov chain lumping", 2010): the key of a
 * state is the set of bytes that lead it into the splitter. So a default counts as the bytes it stands for, and it does
 * not matter which of its targets a state has as its default.
 */
class Refinement {
  /** The members, those of a block side by side; and where each state is. */
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
  readonly #mentioned = new Int32Array(SET_WORDS);

  /** @param members the states to distinguish, by their numbers in the automaton */
  constructor(
    readonly automaton: Automaton,
    readonly members: Int32Array,
    readonly signatures: SignatureReader,
  ) {
    const { states, defaults, firstTransition, bytes, targets } = automaton;
    const count = members.length;
    this.#elements = new Int32Array(count);
    this.#position = new Int32Array(count);
    this.#blockOf = new Int32Array(count);
    this.#first = new Int32Array(count);
    this.#end = new Int32Array(count);
    this.#touched = new Int32Array(count);
    this.#sets = new Int32Array(count * SET_WORDS);
    this.#keys = new Int32Array(count);

    const numberOf = new Int32Array(states).fill(NOT_INCLUDED);
    for (let index = 0; index < count; index++) numberOf[members[index]!] = index;
    const next = new Int32Array(count + 1);
    const eachTransition = (take: (source: number, byte: number, target: number) => void): void => {
      for (let source = 0; source < count; source++) {
        const state = members[source]!;
        const byDefault = numberOf[defaults[state]!]!;
        if (byDefault !== NOT_INCLUDED) take(source, DEFAULT_BYTE, byDefault);
        for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
          const target = numberOf[targets[index]!]!;
          if (target !== NOT_INCLUDED) take(source, bytes[index]!, target);
        }
      }
    };
    eachTransition((_source, _byte, target) => {
      next[target]!++;
    });
    let total = 0;
    for (let index = 0; index <= count; index++) {
      const transitions = next[index]!;
      next[index] = total;
      total += transitions;
    }
    this.#firstIncoming = Int32Array.from(next);
    this.#incomingSource = new Int32Array(total);
    this.#incomingByte = new Uint8Array(total);
    eachTransition((source, byte, target) => {
      const index = next[target]!++;
      this.#incomingSource[index] = source;
      this.#incomingByte[index] = byte;
    });
  }

  /** The block of each member, counted from 0. */
  *run(): Steps<Int32Array> {
    this.#partitionBySignature();
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

  /** By the labels of states, and by the bytes that lead to states that are distinguished already. */
  #partitionBySignature(): void {
    const known = new IntListTable();
    const next: number[] = [];
    for (let index = 0; index < this.members.length; index++) {
      const { values, length } = this.signatures.read(this.members[index]!);
      const block = known.intern(values, 0, length);
      this.#blockOf[index] = block;
      next[block] = (next[block] ?? 0) + 1;
    }
    this.#blocks = next.length;
    let total = 0;
    for (let block = 0; block < next.length; block++) {
      const count = next[block]!;
      next[block] = this.#first[block] = total;
      total += count;
      this.#end[block] = total;
    }
    for (let index = 0; index < this.members.length; index++) this.#place(index, next[this.#blockOf[index]!]!++);
  }

  #splitBy(splitter: number): void {
    const touched = this.#collect(splitter);
    if (this.#knownSets.size > CACHED_SETS_MAX) this.#knownSets = new IntListTable();
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
  #addUnmentioned(member: number): void {
    const { firstTransition, bytes } = this.automaton;
    const state = this.members[member]!;
    const first = member * SET_WORDS;
    const mentioned = this.#mentioned.fill(0);
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
    // The largest part keeps the number. It has to be processed only if the block was waiting: the other parts give the
    // same information.
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
