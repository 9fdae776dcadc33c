import { append } from '../policy/append.js';
import type { ObservedAccess } from './observed-access.js';

/** This many kinds of access are remembered, for all containers together. */
export const REMEMBERED_MAX = 65_536;

interface Remembered {
  readonly containerId: string;
  readonly access: ObservedAccess;
  count: number;
}

/** Recently reported accesses, by which a change of policies can be judged. The oldest are forgotten first. */
export class AccessMemory {
  readonly #byKey = new Map<string, Remembered>();
  /**
   * The keys in the order in which they came, from `next` on. Asking the map for its first key would iterate over all
   * deleted ones.
   */
  readonly #keys: string[] = [];
  #next = 0;

  /** Kinds of access that were replaced by others. */
  forgotten = 0;

  constructor(readonly capacity = REMEMBERED_MAX) {}

  /** Counts a kind of access once more; false: it is not remembered. */
  countAgain(key: string): boolean {
    const known = this.#byKey.get(key);
    if (known !== undefined) known.count++;
    return known !== undefined;
  }

  /** @param key distinguishes the kind of access from others, also of other containers */
  add(key: string, containerId: string, access: ObservedAccess): void {
    if (this.#byKey.size >= this.capacity) {
      this.#byKey.delete(this.#keys[this.#next]!);
      this.forgotten++;
    }
    this.#keys[this.#next] = key;
    this.#next = (this.#next + 1) % this.capacity;
    this.#byKey.set(key, { containerId, access, count: access.count });
  }

  /** The remembered accesses of these containers. */
  of(containerIds: ReadonlySet<string>): Map<string, ObservedAccess[]> {
    const found = new Map<string, ObservedAccess[]>();
    for (const { containerId, access, count } of this.#byKey.values()) {
      if (containerIds.has(containerId)) append(found, containerId, { ...access, count });
    }
    return found;
  }
}
