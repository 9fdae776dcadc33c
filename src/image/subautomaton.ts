import { isStep, type Steps } from '../steps.js';
import { type Automaton, DEAD_STATE } from './automaton.js';
import { IntBuffer } from './integers.js';

const SLASH = 0x2f;
const UNREACHED = -1;
/** A byte that does not occur in names of policies; bpf/include/guard.h has the same. */
const UNNAMED = 0x01;

/** The states of an automaton that paths lead to, as an automaton of their own. */
export class Subautomaton {
  readonly #numberOf: Int32Array;
  readonly #firstPredecessor: Int32Array;
  readonly #predecessors: Int32Array;

  /** @param directories the states, of the whole automaton, that lie behind a slash */
  private constructor(
    readonly automaton: Automaton,
    readonly directories: readonly number[],
    numberOf: Int32Array,
  ) {
    this.#numberOf = numberOf;
    const { states, defaults, targets, firstTransition } = automaton;
    this.#firstPredecessor = new Int32Array(states + 1);
    for (const target of defaults) this.#firstPredecessor[target]!++;
    for (const target of targets) this.#firstPredecessor[target]!++;
    for (let state = 0, end = 0; state <= states; state++) {
      end += this.#firstPredecessor[state]!;
      this.#firstPredecessor[state] = end;
    }
    this.#predecessors = new Int32Array(defaults.length + targets.length);
    const add = (source: number, target: number): void => {
      this.#predecessors[--this.#firstPredecessor[target]!] = source;
    };
    for (let state = 0; state < states; state++) {
      add(state, defaults[state]!);
      for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++)
        add(state, targets[index]!);
    }
  }

  /** The number here of a state of the whole automaton. */
  numberOf(state: number): number {
    return this.#numberOf[state]!;
  }

  /** The state of a directory that rules cover only as one among all directories. */
  get nowhere(): number {
    return follow(this.automaton, follow(this.automaton, this.automaton.start, UNNAMED), SLASH);
  }

  /** The states that are reached from one, and it itself. */
  below(state: number): number[] {
    const { defaults, firstTransition, targets } = this.automaton;
    const seen = new Set([state]);
    for (const each of seen) {
      seen.add(defaults[each]!);
      for (let index = firstTransition[each]!; index < firstTransition[each + 1]!; index++) seen.add(targets[index]!);
    }
    return [...seen];
  }

  predecessors(state: number): Int32Array {
    return this.#predecessors.subarray(this.#firstPredecessor[state]!, this.#firstPredecessor[state + 1]!);
  }

  /** @param start the prefix of the path in object keys */
  static *ofPaths(whole: Automaton, start: string): Steps<Subautomaton> {
    const numberOf = new Int32Array(whole.states).fill(UNREACHED);
    const reached = new IntBuffer(whole.states);
    const reach = (state: number): number => {
      if (numberOf[state] === UNREACHED) {
        numberOf[state] = reached.length;
        reached.push(state);
      }
      return numberOf[state]!;
    };
    reach(DEAD_STATE);
    const isDirectory = new Uint8Array(whole.states);
    const before = Buffer.from(start).reduce((state, byte) => follow(whole, state, byte), whole.start);
    const root = follow(whole, before, SLASH);
    isDirectory[root] = 1;
    const first = reach(root);
    const firstTransition = new IntBuffer(whole.states + 1);
    const defaults = new IntBuffer(whole.states);
    const bytes = new Uint8Array(whole.bytes.length);
    const targets = new IntBuffer(whole.targets.length);
    for (let number = 0; number < reached.length; number++) {
      const state = reached.at(number);
      let behindSlash = whole.defaults[state]!;
      firstTransition.push(targets.length);
      defaults.push(reach(behindSlash));
      for (let index = whole.firstTransition[state]!; index < whole.firstTransition[state + 1]!; index++) {
        if (whole.bytes[index] === SLASH) behindSlash = whole.targets[index]!;
        bytes[targets.length] = whole.bytes[index]!;
        targets.push(reach(whole.targets[index]!));
      }
      isDirectory[behindSlash] = 1;
      if (isStep(number)) yield;
    }
    firstTransition.push(targets.length);
    const directories: number[] = [];
    for (let number = 0; number < reached.length; number++) {
      const state = reached.at(number);
      if (state !== DEAD_STATE && isDirectory[state] === 1) directories.push(state);
    }
    yield;
    const automaton: Automaton = {
      start: first,
      states: reached.length,
      defaults: defaults.values.subarray(0, defaults.length),
      firstTransition: firstTransition.values.subarray(0, firstTransition.length),
      bytes: bytes.subarray(0, targets.length),
      targets: targets.values.subarray(0, targets.length),
      labels: reached.values.subarray(0, reached.length).map((state) => whole.labels[state]!),
    };
    yield;
    return new Subautomaton(automaton, directories, numberOf);
  }
}

function follow({ defaults, firstTransition, bytes, targets }: Automaton, state: number, byte: number): number {
  for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
    if (bytes[index] === byte) return targets[index]!;
  }
  return defaults[state]!;
}
