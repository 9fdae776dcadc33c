import { isStep, type Steps } from '../steps.js';
import { type Automaton, DEAD_STATE, LABEL_NOTHING } from './automaton.js';
import { GUARD_WORDS, type Guards, NO_RECORD } from './guards.js';
import { IntBuffer, IntListTable } from './integers.js';
import {
  ACTOR_HAS_TERMINAL,
  GUARD_ENTRIES,
  HEADER,
  HEADER_ENTRIES,
  isOfParent,
  PAGE_ENTRIES,
  SOURCE_ENTRIES,
  STATE_ABSORBING,
  STATE_HAS_DEFAULT,
  SYMBOL_DEFAULT,
  SYMBOL_GUARD,
  SYMBOL_SOURCE,
  SYMBOL_VERDICT,
  VERDICT_MARK,
  VERDICT_ROW_ENTRIES,
} from './layout.js';
import { ROW_WORDS } from './rows.js';
import { SlotTable } from './slot-table.js';
import type { Verdicts } from './verdicts.js';
import { inOrderOfWalks } from './walk-order.js';

/** Writes an automaton and its verdicts as layout.ts describes, with image id 0. */
export function* pack(automaton: Automaton, verdicts: Verdicts, guards: Guards, flags: number): Steps<Uint32Array> {
  const packer = new Packer(automaton, verdicts, guards);
  const words = yield* packer.pack();
  words.set([packer.wordOf(automaton.start), 0], HEADER.automaton * 2);
  words.set([flags, verdicts.ruleSet.rules.length], HEADER.decisions * 2);
  words.set(
    verdicts.defaultRows.map((row) => packer.placeOfRow(row)),
    HEADER.defaultRows * 2,
  );
  return words;
}

/** What every look-up from a state may reach: its bytes, its class as a program, the verdicts on those no rule names. */
const REACH = SYMBOL_VERDICT + ACTOR_HAS_TERMINAL + 1;
/** How much of a page can be used; the rest is lost to gaps between states, and to the reach of the last ones. */
const USABLE_ENTRIES = PAGE_ENTRIES - REACH - PAGE_ENTRIES / 32;
/** How much of the first page is for the states near the start. */
const NEAR_START_ENTRIES = PAGE_ENTRIES - PAGE_ENTRIES / 8;
/** States that are reached through one state are on one page if they do not take more entries than this. */
const TOGETHER_ENTRIES = PAGE_ENTRIES / 4;
const GUARD_SYMBOLS = Int32Array.from({ length: GUARD_ENTRIES }, (_, entry) => entry);
const SOURCE_SYMBOLS = Int32Array.from({ length: SOURCE_ENTRIES }, (_, entry) => entry);
const ROW_SYMBOLS = Int32Array.from({ length: VERDICT_ROW_ENTRIES }, (_, operation) => operation);
const NOWHERE = 0;
const NO_ROWS: readonly number[] = [];

class Packer {
  readonly #slots = new SlotTable(HEADER_ENTRIES, PAGE_ENTRIES, REACH);
  readonly #bases: Int32Array;
  readonly #rowPlaces: Int32Array;
  readonly #guardPlaces: Int32Array;
  /** By class of programs. */
  readonly #sourcePlaces: Int32Array;
  /** The bases of the states for children, by the label that has their symbols. */
  readonly #childPlaces = new Map<number, number>();
  /** No row, and no guard record, fits before these. */
  #nextRow = HEADER_ENTRIES;
  #nextGuard = HEADER_ENTRIES;
  #nextSource = HEADER_ENTRIES;
  /** The number of the page that is being filled. */
  #page = 0;
  readonly #symbols = new IntBuffer();
  readonly #values = new IntBuffer();

  constructor(
    readonly automaton: Automaton,
    readonly verdicts: Verdicts,
    readonly guards: Guards,
  ) {
    this.#guardPlaces = new Int32Array(guards.records.length / GUARD_WORDS).fill(NOWHERE);
    this.#sourcePlaces = new Int32Array(verdicts.programs.count + 1).fill(NOWHERE);
    this.#bases = new Int32Array(automaton.states);
    this.#rowPlaces = new Int32Array(verdicts.rowWords().length / ROW_WORDS).fill(NOWHERE);
  }

  *pack(): Steps<Uint32Array> {
    for (const row of this.verdicts.defaultRows) this.#placeRow(row);
    yield* this.#placeStates();
    const words = new Uint32Array(this.#slots.end * 2);
    for (let state = DEAD_STATE + 1; state < this.automaton.states; state++) {
      this.#writeState(state, words);
      if (isStep(state)) yield;
    }
    for (const [label, base] of this.#childPlaces) {
      this.#readLabel(label);
      this.#writeEntries(base, words);
    }
    for (const [row, place] of this.#rowPlaces.entries()) {
      if (place !== NOWHERE) words.set(this.#markedRow(row), place * 2);
      if (isStep(row)) yield;
    }
    for (const [programClass, place] of this.#sourcePlaces.entries()) {
      if (place !== NOWHERE) words.set(this.verdicts.sourceWords(programClass).map(marked), place * 2);
      if (isStep(programClass)) yield;
    }
    for (const [record, place] of this.#guardPlaces.entries()) {
      const unmarked = this.guards.records.subarray(record * GUARD_WORDS, (record + 1) * GUARD_WORDS);
      words.set(Uint32Array.from(unmarked, marked), place * 2);
      if (isStep(record)) yield;
    }
    return words;
  }

  #writeState(state: number, words: Uint32Array): void {
    this.#readRow(state);
    this.#writeEntries(this.#bases[state]!, words);
  }

  #writeEntries(base: number, words: Uint32Array): void {
    for (let index = 0; index < this.#symbols.length; index++) {
      const entry = (base + this.#symbols.at(index)) * 2;
      words[entry] = base;
      words[entry + 1] = this.#values.at(index);
    }
  }

  /** The entry at which a verdict row begins. */
  placeOfRow(row: number): number {
    return this.#rowPlaces[row]!;
  }

  wordOf(state: number): number {
    if (state === DEAD_STATE) return 0;
    const base = this.#bases[state]!;
    if (this.#isAbsorbing(state)) return (base | STATE_ABSORBING) >>> 0;
    return this.automaton.defaults[state] === DEAD_STATE ? base : base | STATE_HAS_DEFAULT;
  }

  /**
   * Finds a place for every state and for every row that one leads to: in the order of walks, and what belongs together
   * on one page, so that a walk asks for few pages.
   */
  *#placeStates(): Steps<void> {
    const shapes = new IntListTable();
    const shapeOf = new Int32Array(this.automaton.states);
    for (let state = DEAD_STATE + 1; state < this.automaton.states; state++) {
      this.#readRow(state);
      this.#symbols.sort();
      shapeOf[state] = shapes.intern(this.#symbols.values, 0, this.#symbols.length);
      if (isStep(state)) yield;
    }
    const symbolsOf = (shape: number) => shapes.pool.values.subarray(shapes.startOf(shape), shapes.startOf(shape + 1));
    const entriesOf = (state: number) => {
      const shape = shapeOf[state]!;
      const rows = this.#rowsOf(this.automaton.labels[state]!);
      return shapes.startOf(shape + 1) - shapes.startOf(shape) + rows.length * VERDICT_ROW_ENTRIES;
    };
    const from = new Int32Array(shapes.size).fill(HEADER_ENTRIES);
    const { states, ends } = yield* inOrderOfWalks(this.automaton, NEAR_START_ENTRIES, entriesOf);
    const before = new Int32Array(states.length + 1);
    for (let index = 0; index < states.length; index++) {
      before[index + 1] = before[index]! + entriesOf(states[index]!);
      if (isStep(index)) yield;
    }
    for (let index = 0; index < states.length; index++) {
      const state = states[index]!;
      this.#turnPageFor(before[ends[index]!]! - before[index]!);
      const shape = shapeOf[state]!;
      const base = this.#slots.place(symbolsOf(shape), Math.max(this.#page * PAGE_ENTRIES, from[shape]!));
      this.#bases[state] = base;
      from[shape] = base + 1;
      this.#placeRowsOf(this.automaton.labels[state]!);
      this.#placeGuard(state);
      this.#placeSource(state);
      if (isStep(index)) yield;
    }
  }

  /** Moves on to a page with room for these entries, or for some of them if they are too many for one page. */
  #turnPageFor(entries: number): void {
    const needed = entries > TOGETHER_ENTRIES ? 1 : entries;
    while (USABLE_ENTRIES - this.#slots.takenOn(this.#page) < needed) this.#page++;
  }

  #placeRowsOf(label: number): void {
    for (const row of this.#rowsOf(label)) this.#placeRow(row);
    const entries = this.verdicts.labelEntries(label);
    for (let index = 0; index < entries.length; index += 2) {
      const child = entries[index + 1]!;
      if (!isOfParent(entries[index]!) || this.#childPlaces.has(child)) continue;
      this.#readLabel(child);
      this.#symbols.sort();
      const symbols = this.#symbols.values.slice(0, this.#symbols.length);
      this.#childPlaces.set(child, this.#slots.place(symbols, Math.max(this.#page * PAGE_ENTRIES, HEADER_ENTRIES)));
      this.#placeRowsOf(child);
    }
  }

  #placeRow(row: number): void {
    if (this.#rowPlaces[row] !== NOWHERE) return;
    const place = this.#slots.place(ROW_SYMBOLS, Math.max(this.#page * PAGE_ENTRIES, this.#nextRow));
    this.#rowPlaces[row] = place;
    this.#nextRow = place + VERDICT_ROW_ENTRIES;
  }

  #markedRow(row: number): Uint32Array {
    const words = this.verdicts.rowWords().subarray(row * ROW_WORDS, (row + 1) * ROW_WORDS);
    return Uint32Array.from(words, marked);
  }

  #placeGuard(state: number): void {
    const record = this.guards.recordOf[state]!;
    if (record === NO_RECORD || this.#guardPlaces[record] !== NOWHERE) return;
    const place = this.#slots.place(GUARD_SYMBOLS, Math.max(this.#page * PAGE_ENTRIES, this.#nextGuard));
    this.#guardPlaces[record] = place;
    this.#nextGuard = place + GUARD_ENTRIES;
  }

  #placeSource(state: number): void {
    const entries = this.verdicts.labelEntries(this.automaton.labels[state]!);
    for (let index = 0; index < entries.length; index += 2) {
      const programClass = entries[index + 1]!;
      if (entries[index] !== SYMBOL_SOURCE || this.#sourcePlaces[programClass] !== NOWHERE) continue;
      const place = this.#slots.place(SOURCE_SYMBOLS, Math.max(this.#page * PAGE_ENTRIES, this.#nextSource));
      this.#sourcePlaces[programClass] = place;
      this.#nextSource = place + SOURCE_ENTRIES;
    }
  }

  /** The rows that a label leads to. */
  #rowsOf(label: number): readonly number[] {
    if (label === LABEL_NOTHING) return NO_ROWS;
    const entries = this.verdicts.labelEntries(label);
    const rows: number[] = [];
    for (let index = 0; index < entries.length; index += 2) {
      const symbol = entries[index]!;
      if (symbol >= SYMBOL_VERDICT && !isOfParent(symbol)) rows.push(entries[index + 1]!);
    }
    return rows;
  }

  /** The symbols of a state and what they lead to. */
  #readRow(state: number): void {
    const { defaults, firstTransition, bytes, targets, labels } = this.automaton;
    this.#readLabel(labels[state]!);
    if (defaults[state] !== DEAD_STATE && !this.#isAbsorbing(state))
      this.#addEntry(SYMBOL_DEFAULT, this.wordOf(defaults[state]!));
    for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) {
      this.#addEntry(bytes[index]!, this.wordOf(targets[index]!));
    }
    const guard = this.guards.recordOf[state]!;
    if (guard !== NO_RECORD) this.#addEntry(SYMBOL_GUARD, this.#guardPlaces[guard]!);
  }

  /** Those that a label adds, and no others. */
  #readLabel(label: number): void {
    this.#symbols.length = this.#values.length = 0;
    const entries = this.verdicts.labelEntries(label);
    for (let index = 0; index < entries.length; index += 2) {
      const [symbol, value] = [entries[index]!, entries[index + 1]!];
      // Guard keys are written as records.
      if (symbol === SYMBOL_GUARD) continue;
      if (symbol === SYMBOL_SOURCE) this.#addEntry(symbol, this.#sourcePlaces[value]!);
      else if (isOfParent(symbol)) this.#addEntry(symbol, this.#childPlaces.get(value) ?? NOWHERE);
      else this.#addEntry(symbol, symbol >= SYMBOL_VERDICT ? this.placeOfRow(value) : value);
    }
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

function marked(word: number): number {
  return word + VERDICT_MARK;
}
