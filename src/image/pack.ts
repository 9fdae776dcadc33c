import { type Automaton, DEAD_STATE } from './automaton.js';
import { IntBuffer, IntListTable } from './integers.js';
import {
  HEADER,
  HEADER_ENTRIES,
  IMAGE_MAGIC,
  PAGE_ENTRIES,
  STATE_ABSORBING,
  STATE_HAS_DEFAULT,
  SYMBOL_DEFAULT,
  SYMBOL_VERDICT,
} from './layout.js';
import { SlotTable } from './slot-table.js';
import type { Verdicts } from './verdicts.js';
import { inOrderOfWalks } from './walk-order.js';

/** Writes an automaton and its verdicts as layout.ts describes, with generation 0. */
export function pack(automaton: Automaton, verdicts: Verdicts, flags: number): Uint32Array {
  const rows = Uint32Array.from(verdicts.rowWords());
  const packer = new Packer(automaton, verdicts);
  const states = packer.pack(HEADER_ENTRIES);
  // Out of reach of the last state, so that none takes a verdict for a transition of its own.
  const firstRow = states.length / 2 + SYMBOL_VERDICT + verdicts.actors;
  const words = new Uint32Array(firstRow * 2 + rows.length);
  words.set(states);
  words.set([0, IMAGE_MAGIC], HEADER.identity * 2);
  words.set([packer.wordOf(automaton.start), firstRow], HEADER.automaton * 2);
  words.set([flags, 0], HEADER.decisions * 2);
  words.set(verdicts.defaultRows, HEADER.defaultRows * 2);
  words.set(rows, firstRow * 2);
  return words;
}

/** How much of the first page is for the states near the start; the rest is lost to the gaps between them. */
const NEAR_START_ENTRIES = PAGE_ENTRIES - PAGE_ENTRIES / 8;
/** A page is given up for those after it when so much of the next one is taken. */
const OVERLAP_ENTRIES = PAGE_ENTRIES / 4;

class Packer {
  readonly #bases: Int32Array;
  readonly #symbols = new IntBuffer();
  readonly #values = new IntBuffer();

  constructor(
    readonly automaton: Automaton,
    readonly verdicts: Verdicts,
  ) {
    this.#bases = new Int32Array(automaton.states);
  }

  pack(firstBase: number): Uint32Array {
    const entries = this.#placeStates(firstBase);
    const words = new Uint32Array(entries * 2);
    for (let state = DEAD_STATE + 1; state < this.automaton.states; state++) {
      this.#readRow(state);
      const base = this.#bases[state]!;
      for (let index = 0; index < this.#symbols.length; index++) {
        const entry = (base + this.#symbols.at(index)) * 2;
        words[entry] = base;
        words[entry + 1] = this.#values.at(index);
      }
    }
    return words;
  }

  wordOf(state: number): number {
    if (state === DEAD_STATE) return 0;
    const base = this.#bases[state]!;
    if (this.#isAbsorbing(state)) return (base | STATE_ABSORBING) >>> 0;
    return this.automaton.defaults[state] === DEAD_STATE ? base : base | STATE_HAS_DEFAULT;
  }

  /**
   * Finds a base for every state and returns how many entries that takes. States are placed as walks come to them and
   * near the end of what is taken, so that a walk stays on few pages.
   */
  #placeStates(firstBase: number): number {
    const shapes = new IntListTable();
    const shapeOf = new Int32Array(this.automaton.states);
    for (let state = DEAD_STATE + 1; state < this.automaton.states; state++) {
      this.#readRow(state);
      this.#symbols.sort();
      shapeOf[state] = shapes.intern(this.#symbols.values, 0, this.#symbols.length);
    }
    const symbolsOf = (shape: number) => shapes.pool.values.subarray(shapes.startOf(shape), shapes.startOf(shape + 1));
    const entriesOf = (state: number) => symbolsOf(shapeOf[state]!).length;
    const slots = new SlotTable(firstBase);
    const from = new Int32Array(shapes.size).fill(firstBase);
    for (const state of inOrderOfWalks(this.automaton, NEAR_START_ENTRIES, entriesOf)) {
      const shape = shapeOf[state]!;
      const page = Math.floor((slots.end - OVERLAP_ENTRIES) / PAGE_ENTRIES) * PAGE_ENTRIES;
      const base = slots.place(symbolsOf(shape), Math.max(page, from[shape]!));
      this.#bases[state] = base;
      from[shape] = base + 1;
    }
    return slots.end;
  }

  /** The symbols of a state and what they lead to. */
  #readRow(state: number): void {
    const { defaults, firstTransition, bytes, targets, labels } = this.automaton;
    this.#symbols.length = this.#values.length = 0;
    if (defaults[state] !== DEAD_STATE && !this.#isAbsorbing(state))
      this.#addEntry(SYMBOL_DEFAULT, this.wordOf(defaults[state]!));
    for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
      this.#addEntry(bytes[index]!, this.wordOf(targets[index]!));
    }
    const entries = this.verdicts.labelEntries(labels[state]!);
    for (let index = 0; index < entries.length; index += 2) this.#addEntry(entries[index]!, entries[index + 1]!);
  }

  #addEntry(symbol: number, value: number): void {
    this.#symbols.push(symbol);
    this.#values.push(value);
  }

  #isAbsorbing(state: number): boolean {
    const { defaults, firstTransition } = this.automaton;
    return defaults[state] === state && firstTransition[state] === firstTransition[state + 1];
  }
}
