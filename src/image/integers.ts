const FIRST_CAPACITY = 64;

/** A growing array of 32-bit integers. */
export class IntBuffer {
  values: Int32Array<ArrayBuffer>;
  length = 0;

  /** @param capacity how many it is expected to hold: spares copying while it grows */
  constructor(capacity = FIRST_CAPACITY) {
    this.values = new Int32Array(Math.max(capacity, FIRST_CAPACITY));
  }

  push(value: number): void {
    if (this.length === this.values.length) this.values = enlarged(this.values, this.length * 2);
    this.values[this.length++] = value;
  }

  at(index: number): number {
    return this.values[index]!;
  }

  /** Sorts what it holds, upwards. Short lists, the usual case here, are sorted in place by insertion. */
  sort(): void {
    const { values, length } = this;
    if (length > 24) {
      values.subarray(0, length).sort();
      return;
    }
    for (let index = 1; index < length; index++) {
      const value = values[index]!;
      let hole = index;
      for (; hole > 0 && values[hole - 1]! > value; hole--) values[hole] = values[hole - 1]!;
      values[hole] = value;
    }
  }
}

/** Gives each distinct list of integers a number, counted from 0 in the order of first appearance. */
export class IntListTable {
  readonly pool = new IntBuffer();
  readonly #starts = new IntBuffer();
  readonly #hashes = new IntBuffer();
  #slots = new Int32Array(FIRST_CAPACITY).fill(-1);

  constructor() {
    this.#starts.push(0);
  }

  get size(): number {
    return this.#hashes.length;
  }

  /** Where a list starts in the pool; it ends where the next one starts. */
  startOf(list: number): number {
    return this.#starts.at(list);
  }

  intern(source: Int32Array, from: number, length: number): number {
    const hash = hashOf(source, from, length);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const list = this.#slots[slot]!;
      if (list < 0) return this.#add(slot, hash, source, from, length);
      if (this.#hashes.at(list) === hash && this.#equals(list, source, from, length)) return list;
    }
  }

  #equals(list: number, source: Int32Array, from: number, length: number): boolean {
    const start = this.#starts.at(list);
    if (this.#starts.at(list + 1) - start !== length) return false;
    const pool = this.pool.values;
    for (let index = 0; index < length; index++) if (pool[start + index] !== source[from + index]) return false;
    return true;
  }

  #add(slot: number, hash: number, source: Int32Array, from: number, length: number): number {
    const list = this.size;
    this.#slots[slot] = list;
    this.#hashes.push(hash);
    for (let index = 0; index < length; index++) this.pool.push(source[from + index]!);
    this.#starts.push(this.pool.length);
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return list;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 4).fill(-1);
    const mask = slots.length - 1;
    for (let list = 0; list < this.size; list++) {
      let slot = this.#hashes.at(list) & mask;
      while (slots[slot]! >= 0) slot = (slot + 1) & mask;
      slots[slot] = list;
    }
    this.#slots = slots;
  }
}

/** The array with room for at least `capacity` values; the new ones are zero. */
export function enlarged(values: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  if (capacity <= values.length) return values;
  const larger = new Int32Array(capacity);
  larger.set(values);
  return larger;
}

/** The mixing step of MurmurHash3 (Appleby, 2011), word by word. */
function hashOf(source: Int32Array, from: number, length: number): number {
  let hash = length;
  for (let index = from; index < from + length; index++) {
    let word = Math.imul(source[index]!, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
