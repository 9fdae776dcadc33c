import { isStep, type Steps } from '../steps.js';
import { type Automaton, DEAD_STATE, PATH_BYTE_VALUES } from './automaton.js';
import { IntBuffer } from './integers.js';
import { coarsestPartition } from './partition.js';

/** With fewer transitions than this, a state's default is that of more than half of the bytes and cannot be bettered. */
const TRANSITIONS_WORTH_COUNTING = 100;

/**
 * The one automaton of fewest states that tells the same paths apart. Its states are numbered from the start, breadth
 * first; each has the default that leaves the fewest transitions.
 */
export function* minimize(automaton: Automaton): Steps<Automaton> {
  return yield* new Quotient(automaton, yield* coarsestPartition(automaton)).build();
}

class Quotient {
  /** Number of a block in the result, -1 until it is reached; and a state of each block reached. */
  readonly #stateOf: Int32Array;
  readonly #representatives: IntBuffer;

  readonly #defaults: IntBuffer;
  readonly #firstTransition: IntBuffer;
  readonly #bytes: IntBuffer;
  readonly #targets: IntBuffer;

  constructor(
    readonly automaton: Automaton,
    readonly blockOf: Int32Array,
  ) {
    const { states, targets } = automaton;
    this.#stateOf = new Int32Array(states).fill(-1);
    this.#representatives = new IntBuffer(states);
    this.#defaults = new IntBuffer(states);
    this.#firstTransition = new IntBuffer(states + 1);
    this.#bytes = new IntBuffer(targets.length);
    this.#targets = new IntBuffer(targets.length);
  }

  *build(): Steps<Automaton> {
    this.#reach(DEAD_STATE);
    const start = this.#reach(this.automaton.start);
    for (let state = 0; state < this.#representatives.length; state++) {
      this.#add(this.#representatives.at(state));
      if (isStep(state)) yield;
    }
    this.#firstTransition.push(this.#targets.length);
    const representatives = this.#representatives.values.subarray(0, this.#representatives.length);
    return {
      start,
      states: representatives.length,
      defaults: this.#defaults.values.subarray(0, this.#defaults.length),
      firstTransition: this.#firstTransition.values.subarray(0, this.#firstTransition.length),
      bytes: Uint8Array.from(this.#bytes.values.subarray(0, this.#bytes.length)),
      targets: this.#targets.values.subarray(0, this.#targets.length),
      labels: representatives.map((state) => this.automaton.labels[state]!),
    };
  }

  #reach(state: number): number {
    const block = this.blockOf[state]!;
    if (this.#stateOf[block]! < 0) {
      this.#stateOf[block] = this.#representatives.length;
      this.#representatives.push(state);
    }
    return this.#stateOf[block]!;
  }

  #add(representative: number): void {
    const { defaults, firstTransition, bytes, targets } = this.automaton;
    const first = firstTransition[representative]!;
    const end = firstTransition[representative + 1]!;
    this.#firstTransition.push(this.#targets.length);
    if (end - first >= TRANSITIONS_WORTH_COUNTING) {
      this.#addDense(representative, first, end);
      return;
    }
    const byDefault = this.#reach(defaults[representative]!);
    this.#defaults.push(byDefault);
    for (let index = first; index < end; index++) {
      this.#addTransition(bytes[index]!, this.#reach(targets[index]!), byDefault);
    }
  }

  /** Adds a state with many transitions: another default may save some of them. */
  #addDense(representative: number, first: number, end: number): void {
    const { defaults, bytes, targets } = this.automaton;
    const row = new Array<number>(PATH_BYTE_VALUES + 1).fill(defaults[representative]!);
    for (let index = first; index < end; index++) row[bytes[index]!] = targets[index]!;
    const reached = row.slice(1).map((target) => this.#reach(target));
    const counts = new Map<number, number>();
    for (const target of reached) counts.set(target, (counts.get(target) ?? 0) + 1);
    // Bytes that lead nowhere cost no entry at all where that is the default.
    let chosen = DEAD_STATE;
    let saved = (counts.get(DEAD_STATE) ?? 0) + 1;
    for (const [target, count] of counts) if (count > saved) [chosen, saved] = [target, count];
    this.#defaults.push(chosen);
    reached.forEach((target, index) => {
      this.#addTransition(index + 1, target, chosen);
    });
  }

  #addTransition(byte: number, target: number, byDefault: number): void {
    if (target === byDefault) return;
    this.#bytes.push(byte);
    this.#targets.push(target);
  }
}
