import { append } from '../policy/append.js';
import { accessKey, type ObservedAccess } from './observed-access.js';

/** So many kinds of access are remembered, of all containers together. */
export const REMEMBERED_MAX = 65_536;

interface Remembered {
  readonly containerId: string;
  readonly access: ObservedAccess;
  count: number;
}

/** The accesses that were reported of late, so that a change of policies can be judged by them. The oldest go first. */
export class AccessMemory {
  readonly #byKey = new Map<string, Remembered>();
  /** The keys in the order in which they came, from `next` on. To ask the map for its first key would go through all it once had. */
  readonly #keys: string[] = [];
  #next = 0;

  /** Kinds of access that had to give way to others. */
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

  /** What is remembered of these containers. */
  of(containerIds: ReadonlySet<string>): Map<string, ObservedAccess[]> {
    const found = new Map<string, ObservedAccess[]>();
    for (const { containerId, access, count } of this.#byKey.values()) {
      if (containerIds.has(containerId)) append(found, containerId, { ...access, count });
    }
    return found;
  }
}
