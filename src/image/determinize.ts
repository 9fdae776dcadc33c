import { isStep, type Steps } from '../steps.js';
import type { Automaton } from './automaton.js';
import { IntBuffer, IntListTable } from './integers.js';
import type { Budget } from './limits.js';
import { LOOP_ANY, LOOP_NONE, NO_NODE, type NondeterministicAutomaton } from './nondeterministic.js';

const SLASH = 0x2f;

/** Drops from a set of nodes those that need no following. */
export interface Pruning {
  prune(set: IntBuffer): void;
}

/** Numbers what the end of a path or object key means, by the marks on it, sorted. */
export interface Labels {
  labelOf(marks: IntBuffer): number;
  /** Symbols of a label and values they lead to, in turn. */
  labelEntries(label: number): Int32Array;
}

/**
 * The subset construction (Rabin and Scott, "Finite automata and their decision problems", 1959), with a default per
 * state: the target of the bytes that no node of the subset mentions. Only transitions that differ from it are stored.
 */
export function determinize(
  source: NondeterministicAutomaton,
  precedence: Pruning,
  verdicts: Labels,
  budget: Budget,
): Steps<Automaton> {
  return new SubsetConstruction(source, precedence, verdicts, budget).run();
}

class SubsetConstruction {
  /** The number of a subset is the number of its state; the empty one comes first and is dead. */
  readonly #subsets = new IntListTable();
  readonly #defaults: IntBuffer;
  readonly #firstTransition: IntBuffer;
  readonly #bytes: IntBuffer;
  readonly #targets: IntBuffer;
  readonly #labels: IntBuffer;
  /** Entries that labels take in the image: a label is written once for every state that has it. */
  #labelEntries = 0;

  /** Per byte, a linked list of the nodes it leads to from the subset at hand. */
  readonly #firstTarget = new Int32Array(256).fill(NO_NODE);
  readonly #nextTarget = new IntBuffer();
  readonly #targetNode = new IntBuffer();
  readonly #mentioned = new IntBuffer();

  /** By node: the state of the bytes, but the slash, that lead to it alone, and since which state that is known. */
  readonly #stateOfLone: Int32Array;
  readonly #loneSince: Int32Array;

  readonly #loops = new IntBuffer();
  readonly #loopsOverSlash = new IntBuffer();
  readonly #reached = new IntBuffer();
  readonly #marks = new IntBuffer();
  /** The round in which a node was last added to a list: shows whether it is in it already. */
  readonly #addedIn: Int32Array;
  #round = 0;

  constructor(
    readonly source: NondeterministicAutomaton,
    readonly precedence: Pruning,
    readonly verdicts: Labels,
    readonly budget: Budget,
  ) {
    // Where patterns do not overlap, most states are a single node.
    this.#defaults = new IntBuffer(source.nodes);
    this.#firstTransition = new IntBuffer(source.nodes);
    this.#labels = new IntBuffer(source.nodes);
    this.#bytes = new IntBuffer(2 * source.nodes);
    this.#targets = new IntBuffer(2 * source.nodes);
    this.#addedIn = new Int32Array(source.nodes);
    this.#stateOfLone = new Int32Array(source.nodes);
    this.#loneSince = new Int32Array(source.nodes).fill(NO_NODE);
  }

  *run(): Steps<Automaton> {
    this.#begin(this.#reached);
    this.#stateOf(this.#reached);
    this.#begin(this.#reached);
    this.#add(this.#reached, this.source.start);
    const start = this.#stateOf(this.#reached);
    for (let state = 0; state < this.#subsets.size; state++) {
      this.#expand(state);
      if (isStep(state)) yield;
    }
    this.#firstTransition.push(this.#targets.length);
    return {
      start,
      states: this.#subsets.size,
      defaults: this.#defaults.values.subarray(0, this.#defaults.length),
      firstTransition: this.#firstTransition.values.subarray(0, this.#firstTransition.length),
      bytes: Uint8Array.from(this.#bytes.values.subarray(0, this.#bytes.length)),
      targets: this.#targets.values.subarray(0, this.#targets.length),
      labels: this.#labels.values.subarray(0, this.#labels.length),
    };
  }

  #expand(state: number): void {
    this.#readSubset(state);
    const byDefault = this.#stateOf(this.#copyOf(this.#loops));
    this.#defaults.push(byDefault);
    this.#firstTransition.push(this.#targets.length);
    if (this.#firstTarget[SLASH] === NO_NODE && this.#loops.length !== this.#loopsOverSlash.length) {
      this.#transition(SLASH, this.#stateOf(this.#copyOf(this.#loopsOverSlash)), byDefault);
    }
    for (let index = 0; index < this.#mentioned.length; index++) {
      const byte = this.#mentioned.at(index);
      this.#transition(byte, this.#follow(state, byte), byDefault);
      this.#firstTarget[byte] = NO_NODE;
    }
    const label = this.verdicts.labelOf(this.#marks);
    this.#labels.push(label);
    this.#labelEntries += this.verdicts.labelEntries(label).length / 2;
    this.budget.bound('transitions', this.#targets.length + this.#labelEntries);
  }

  /**
   * Where a mentioned byte leads. In a range of bytes, most lead to the same state as their neighbours: it is computed
   * once.
   */
  #follow(state: number, byte: number): number {
    const first = this.#firstTarget[byte]!;
    const node = this.#targetNode.at(first);
    const isLone = byte !== SLASH && this.#nextTarget.at(first) === NO_NODE;
    if (isLone && this.#loneSince[node] === state) {
      this.budget.spend(1);
      return this.#stateOfLone[node]!;
    }
    this.#copyOf(byte === SLASH ? this.#loopsOverSlash : this.#loops);
    for (let item = first; item !== NO_NODE; item = this.#nextTarget.at(item)) {
      this.#add(this.#reached, this.#targetNode.at(item));
    }
    const target = this.#stateOf(this.#reached);
    if (isLone) {
      this.#loneSince[node] = state;
      this.#stateOfLone[node] = target;
    }
    return target;
  }

  /** Collects what leads away from the subset of a state, and the marks on it. */
  #readSubset(state: number): void {
    const { source } = this;
    const first = this.#subsets.startOf(state);
    const end = this.#subsets.startOf(state + 1);
    this.#nextTarget.length = this.#targetNode.length = this.#mentioned.length = this.#marks.length = 0;
    this.#begin(this.#loops);
    for (let index = first; index < end; index++) {
      const node = this.#subsets.pool.at(index);
      if (source.loop.at(node) !== LOOP_NONE) this.#add(this.#loops, node);
    }
    this.#begin(this.#loopsOverSlash);
    for (let index = first; index < end; index++) {
      const node = this.#subsets.pool.at(index);
      if (source.loop.at(node) === LOOP_ANY) this.#add(this.#loopsOverSlash, node);
      for (let child = source.firstChild.at(node); child !== NO_NODE; child = source.nextSibling.at(child)) {
        this.#mention(source.byte.at(child), child);
      }
      for (let item = source.firstRange.at(node); item !== NO_NODE; item = source.nextRange.at(item)) {
        const high = source.rangeHigh.at(item);
        for (let byte = source.rangeLow.at(item); byte <= high; byte++) {
          this.#mention(byte, source.rangeTarget.at(item));
        }
      }
      for (let item = source.firstMark.at(node); item !== NO_NODE; item = source.nextMark.at(item)) {
        this.#marks.push(source.mark.at(item));
      }
    }
    this.#marks.sort();
    this.budget.spend(end - first + this.#targetNode.length + this.#marks.length + 1);
  }

  #mention(byte: number, target: number): void {
    if (this.#firstTarget[byte] === NO_NODE) this.#mentioned.push(byte);
    this.#nextTarget.push(this.#firstTarget[byte]!);
    this.#targetNode.push(target);
    this.#firstTarget[byte] = this.#targetNode.length - 1;
  }

  #transition(byte: number, target: number, byDefault: number): void {
    if (target === byDefault) return;
    this.#bytes.push(byte);
    this.#targets.push(target);
  }

  /** Starts a list of nodes: what was added to another list is unknown from here on. */
  #begin(list: IntBuffer): void {
    list.length = 0;
    this.#round++;
  }

  #copyOf(list: IntBuffer): IntBuffer {
    this.#begin(this.#reached);
    for (let index = 0; index < list.length; index++) {
      this.#addedIn[list.at(index)] = this.#round;
      this.#reached.push(list.at(index));
    }
    this.budget.spend(list.length);
    return this.#reached;
  }

  /** Adds a node and all that it leads to without a byte. */
  #add(list: IntBuffer, node: number): void {
    if (this.#addedIn[node] === this.#round) return;
    this.#addedIn[node] = this.#round;
    let done = list.length;
    list.push(node);
    for (; done < list.length; done++) {
      let item = this.source.firstEmpty.at(list.at(done));
      for (; item !== NO_NODE; item = this.source.nextEmpty.at(item)) {
        const target = this.source.emptyTarget.at(item);
        if (this.#addedIn[target] === this.#round) continue;
        this.#addedIn[target] = this.#round;
        list.push(target);
      }
    }
    this.budget.spend(1);
  }

  #stateOf(subset: IntBuffer): number {
    this.precedence.prune(subset);
    subset.sort();
    this.budget.spend(subset.length);
    const state = this.#subsets.intern(subset.values, 0, subset.length);
    this.budget.bound('states', this.#subsets.size);
    return state;
  }
}
