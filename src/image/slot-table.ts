import { enlarged } from './integers.js';

/** A row that did not fit this often is put at the end: bounds the search, at the cost of a few empty entries. */
const REFUSALS_MAX = 128;

/** The size of a small table. */
const FIRST_SLOTS = 1 << 13;

/**
 * Places the rows of a sparse table over each other: row displacement, first fit (Tarjan and Yao, "Storing a sparse
 * table", 1979). No two rows have the same base, and what a look-up reaches from a base is on one page.
 *
 * The search for a shape may continue where its last one ended: slots are only ever taken, so where a shape did not fit it
 * never will. A free slot is found through the taken ones as in union-find.
 */
export class SlotTable {
  /** A free slot holds 0, a taken one how far to continue at least to a free one. */
  #skip = new Int32Array(FIRST_SLOTS);
  #isBase = new Uint8Array(FIRST_SLOTS);
  readonly #takenOnPage: number[] = [];
  #end: number;

  /**
   * @param pageSlots how many slots a page has
   * @param reach how many slots from a base on are to lie on its page
   */
  constructor(
    readonly firstBase: number,
    readonly pageSlots: number,
    readonly reach: number,
  ) {
    this.#end = firstBase;
  }

  /** One past the last slot taken. */
  get end(): number {
    return this.#end;
  }

  /** How many slots are taken on the page of this number. */
  takenOn(page: number): number {
    return this.#takenOnPage[page] ?? 0;
  }

  /** Places a row of these symbols, sorted and at least one, no sooner than at `from`; returns its base. */
  place(symbols: Int32Array, from: number): number {
    const base = this.#findBase(symbols, from);
    this.#take(symbols, base);
    return base;
  }

  #findBase(symbols: Int32Array, from: number): number {
    let base = this.#nextBase(symbols[0]!, from);
    for (let refusals = 0; ; refusals++) {
      const next = this.#afterConflict(symbols, base);
      if (next === base) return base;
      if (refusals === REFUSALS_MAX) return this.#nextBase(symbols[0]!, Math.max(this.#end, base));
      base = this.#nextBase(symbols[0]!, next);
    }
  }

  /** The first base from here on at which this symbol has a free slot. */
  #nextBase(symbol: number, from: number): number {
    let base = from;
    for (;;) {
      const onPage = base % this.pageSlots;
      if (onPage + this.reach > this.pageSlots) base += this.pageSlots - onPage;
      const free = this.#nextFree(base + symbol) - symbol;
      if (free === base) return base;
      base = free;
    }
  }

  /** The base itself if the row fits there, else one before which none does. */
  #afterConflict(symbols: Int32Array, base: number): number {
    if (this.#isBase[base]) return base + 1;
    for (let index = 1; index < symbols.length; index++) {
      const symbol = symbols[index]!;
      if (this.#skip[base + symbol]) return this.#nextFree(base + symbol) - symbol;
    }
    return base;
  }

  #take(symbols: Int32Array, base: number): void {
    const end = base + symbols.at(-1)! + 1;
    if (end > this.#skip.length) {
      this.#skip = enlarged(this.#skip, end * 2);
      const isBase = new Uint8Array(this.#skip.length);
      isBase.set(this.#isBase);
      this.#isBase = isBase;
    }
    this.#isBase[base] = 1;
    for (let index = 0; index < symbols.length; index++) this.#skip[base + symbols[index]!] = 1;
    const page = Math.floor(base / this.pageSlots);
    this.#takenOnPage[page] = this.takenOn(page) + symbols.length;
    this.#end = Math.max(this.#end, end);
  }

  #nextFree(slot: number): number {
    let free = slot;
    while (this.#skip[free]) free += this.#skip[free]!;
    for (let taken = slot; taken < free; ) {
      const next = taken + this.#skip[taken]!;
      this.#skip[taken] = free - taken;
      taken = next;
    }
    return free;
  }
}
