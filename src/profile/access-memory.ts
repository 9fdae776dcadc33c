import { append } from '../policy/append.js';
import { accessKey, type ObservedAccess } from './observed-access.js';

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

  add(containerId: string, access: ObservedAccess): void {
    const key = `${containerId}\0${accessKey(access)}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.count += access.count;
      return;
    }
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
