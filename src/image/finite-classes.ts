import type { Steps } from '../steps.js';
import type { Automaton } from './automaton.js';
import { IntBuffer, IntListTable } from './integers.js';

/** In place of a class: the state goes round a cycle, or leads to one. */
export const UNSETTLED = -1;

/** With more transitions than this, what most bytes lead to need not be the default. */
const TRANSITIONS_MAX_BESIDE_MOST = 127;
const BYTES = 256;
/** In place of a class, where no target is that of most bytes. */
const NOTHING_COMMON = -2;

/** The states of which only a bounded part of a path matters, by class: equal classes where no path tells two apart. */
export interface FiniteClasses {
  /** By state; UNSETTLED for all others, none of which is equivalent to a state with a class. */
  readonly classOf: Int32Array;
  /** How many classes there are; their numbers go from 0 to before this. */
  readonly count: number;
  /** Reads states by these classes. */
  readonly signatures: SignatureReader;
}

/** By state, where transitions to it come from; those to states that every byte leads back to are left out. */
interface Incoming {
  readonly first: Int32Array;
  readonly source: Int32Array;
}

/**
 * Computes classes from the final states backwards: a state's is known once those of all its targets are. So a trie is
 * minimised in one pass (Revuz, "Minimisation of acyclic deterministic automata in linear time", 1992). A state from
 * which every path means the same counts as an end, whatever cycles it goes through; any other cycle, and what leads to
 * it, is left to partition.ts.
 *
 * @param automaton one whose defaults are all followed by some byte
 */
export function* finiteClasses(automaton: Automaton): Steps<FiniteClasses> {
  const incoming = incomingOf(automaton);
  yield;
  const varies = findVarying(automaton, incoming);
  yield;
  const classing = new Classing(automaton, incoming, varies);
  while (!classing.settleSome()) yield;
  return classing;
}

/** This many states get their class in one step. */
const STATES_IN_A_STEP = 256;

class Classing implements FiniteClasses {
  readonly classOf: Int32Array;
  readonly signatures: SignatureReader;
  /** Of the states from which every path means the same: a class for each label. */
  readonly #endOfLabel = new Map<number, number>();
  readonly #known = new IntListTable();
  /** How many transitions of a state, the default among them, lead to states without a class. */
  readonly #awaited: Int32Array;
  readonly #ready = new IntBuffer();
  #settled = 0;

  constructor(
    automaton: Automaton,
    readonly incoming: Incoming,
    varies: Uint8Array,
  ) {
    const { states, defaults, firstTransition, targets, labels } = automaton;
    this.classOf = new Int32Array(states).fill(UNSETTLED);
    this.#awaited = new Int32Array(states);
    this.signatures = new SignatureReader(automaton, this.classOf);
    for (let state = 0; state < states; state++) {
      if (!varies[state]) {
        this.classOf[state] = this.#endOf(labels[state]!);
        continue;
      }
      let count = varies[defaults[state]!]!;
      for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
        count += varies[targets[index]!]!;
      }
      this.#awaited[state] = count;
      if (count === 0) this.#ready.push(state);
    }
  }

  get count(): number {
    return this.#endOfLabel.size + this.#known.size;
  }

  /** Gives a class to states whose targets all have one; returns whether none is left. */
  settleSome(): boolean {
    const { first, source } = this.incoming;
    const end = this.#settled + STATES_IN_A_STEP;
    for (; this.#settled < this.#ready.length && this.#settled < end; this.#settled++) {
      const state = this.#ready.at(this.#settled);
      const { values, length } = this.signatures.read(state);
      this.classOf[state] = this.#endOfLabel.size + this.#known.intern(values, 0, length);
      for (let at = first[state]!; at < first[state + 1]!; at++) {
        if (--this.#awaited[source[at]!]! === 0) this.#ready.push(source[at]!);
      }
    }
    return this.#settled === this.#ready.length;
  }

  #endOf(label: number): number {
    const known = this.#endOfLabel.get(label) ?? this.#endOfLabel.size;
    this.#endOfLabel.set(label, known);
    return known;
  }
}

/** By state, 1 where paths from it do not all mean the same. */
function findVarying(automaton: Automaton, incoming: Incoming): Uint8Array {
  const { states, defaults, firstTransition, targets, labels } = automaton;
  const varies = new Uint8Array(states);
  const waiting = new IntBuffer();
  const reach = (state: number): void => {
    if (varies[state]) return;
    varies[state] = 1;
    waiting.push(state);
  };
  for (let state = 0; state < states; state++) {
    const label = labels[state];
    let isSame = labels[defaults[state]!] === label;
    for (let index = firstTransition[state]!; isSame && index < firstTransition[state + 1]!; index++) {
      isSame = labels[targets[index]!] === label;
    }
    if (!isSame) reach(state);
  }
  while (waiting.length > 0) {
    const state = waiting.at(--waiting.length);
    for (let at = incoming.first[state]!; at < incoming.first[state + 1]!; at++) reach(incoming.source[at]!);
  }
  return varies;
}

function incomingOf({ states, defaults, firstTransition, targets }: Automaton): Incoming {
  const isEnd = new Uint8Array(states);
  const next = new Int32Array(states + 1);
  for (let state = 0; state < states; state++) {
    if (defaults[state] === state && firstTransition[state] === firstTransition[state + 1]) isEnd[state] = 1;
  }
  for (let state = 0; state < states; state++) if (!isEnd[defaults[state]!]) next[defaults[state]!]!++;
  for (let index = 0; index < targets.length; index++) if (!isEnd[targets[index]!]) next[targets[index]!]!++;
  let total = 0;
  for (let state = 0; state <= states; state++) {
    total += next[state]!;
    next[state] = total;
  }
  const source = new Int32Array(total);
  for (let state = states - 1; state >= 0; state--) {
    for (let index = firstTransition[state + 1]! - 1; index >= firstTransition[state]!; index--) {
      if (!isEnd[targets[index]!]) source[--next[targets[index]!]!] = state;
    }
    if (!isEnd[defaults[state]!]) source[--next[defaults[state]!]!] = state;
  }
  return { first: next, source };
}

/**
 * Reads states as lists that are equal where the labels are and every byte leads to the same class, with whichever
 * default the states happen to have; targets without a class count as one.
 */
export class SignatureReader {
  readonly #signature = new IntBuffer();
  readonly #row = new Int32Array(BYTES);

  constructor(
    readonly automaton: Automaton,
    readonly classOf: Int32Array,
  ) {}

  /** The list is overwritten by the next one. */
  read(state: number): IntBuffer {
    const { defaults, firstTransition, bytes, targets, labels } = this.automaton;
    const first = firstTransition[state]!;
    const end = firstTransition[state + 1]!;
    this.#signature.length = 0;
    let common = this.classOf[defaults[state]!]!;
    if (end - first > TRANSITIONS_MAX_BESIDE_MOST) {
      this.#row.fill(common);
      for (let index = first; index < end; index++) this.#row[bytes[index]!] = this.classOf[targets[index]!]!;
      common = this.#commonTarget();
      for (let byte = 1; byte < BYTES; byte++) this.#addByte(byte, this.#row[byte]!, common);
    } else {
      for (let index = first; index < end; index++)
        this.#addByte(bytes[index]!, this.classOf[targets[index]!]!, common);
    }
    this.#signature.sort();
    this.#signature.push(common);
    this.#signature.push(labels[state]!);
    return this.#signature;
  }

  #commonTarget(): number {
    const counts = new Map<number, number>();
    for (let byte = 1; byte < BYTES; byte++) {
      const target = this.#row[byte]!;
      const count = (counts.get(target) ?? 0) + 1;
      if (count > TRANSITIONS_MAX_BESIDE_MOST) return target;
      counts.set(target, count);
    }
    return NOTHING_COMMON;
  }

  #addByte(byte: number, target: number, common: number): void {
    if (target !== common) this.#signature.push((target + 1) * BYTES + byte);
  }
}
