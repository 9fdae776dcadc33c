import type { NamespacePair, ProcessIdentity } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { hasRunNothing } from '../containers/procfs.js';
import { checked } from '../native/kernel-error.js';
import { BPF_ANY, updateElement } from '../native/libbpf.js';
import type { PublishedContainer } from './enforcer.js';
import { CONTAINER_KEY_BYTES, containerIn, containerKey, deleteIfPresent, keysOf } from './map-elements.js';
import { markListeners, markTasks } from './task-iterator.js';

/** struct new_container of bpf/include/maps.h. */
export const NEW_CONTAINER = { first_process_start: 0, first_process: 8, unused: 12 } as const;
export const NEW_CONTAINER_BYTES = 16;

/** See AttachedPrograms. */
interface Iterators {
  readonly taskIterator: number;
  readonly listenerIterator: number | undefined;
}

/** What is known of a container that may be new to the kernel. */
export type PossiblyNewContainer = Omit<PublishedContainer, 'image' | 'rootDevice'>;

/** A container as the kernel's maps distinguish it from others. */
export interface KnownContainer {
  readonly container: NamespacePair;
  /** When it started; 0 where not known. */
  readonly startTicks: number;
}

/** A container that the kernel begins to decide for. */
export interface AddedContainer extends KnownContainer {
  readonly firstProcess: ProcessIdentity | undefined;
  /** When the kernel began to, its first process had not run its program yet, so nothing in it listened. */
  isStarting: boolean;
}

/**
 * The containers whose tasks are not all confined yet, in a pinned map: if a daemon dies, the next one confines the
 * rest. Tasks that enter a container later count as the runtime until they run a program.
 */
export class NewContainers {
  /** Containers whose tasks were marked, with their starts. */
  readonly #old = new Map<string, number>();
  /** Published; their tasks are still to be marked. */
  readonly #published = new Map<string, AddedContainer>();
  #marking: Promise<unknown> = Promise.resolve();

  /**
   * @param iterators descriptors of the programs that mark tasks, and their listening sockets where the kernel takes it
   * @param published those that an earlier daemon published, and that run or ran
   * @param wereMarked whether it has marked the tasks of those that the map does not have
   */
  constructor(
    readonly map: number,
    readonly iterators: Iterators,
    published: readonly KnownContainer[],
    wereMarked: boolean,
  ) {
    const known = new Map(published.map((each) => [namespaceKey(each.container), each]));
    for (const key of [...keysOf('cannot list new containers', map, CONTAINER_KEY_BYTES)]) {
      // Those that were not published: their publication failed.
      if (!known.delete(namespaceKey(containerIn(key)))) deleteIfPresent('cannot clear a new container', map, key);
    }
    for (const [key, { container, startTicks }] of known) {
      if (wereMarked) this.#old.set(key, startTicks);
      else this.#note(container, undefined);
    }
  }

  /** To be called before these are published; returns the new ones among them. */
  add(containers: readonly PossiblyNewContainer[]): AddedContainer[] {
    return containers.flatMap(({ container, initStartTicks = 0, firstProcess }) => {
      if (this.#old.get(namespaceKey(container)) === initStartTicks) return [];
      this.#note(container, firstProcess);
      return [{ container, startTicks: initStartTicks, firstProcess, isStarting: false }];
    });
  }

  #note(container: NamespacePair, firstProcess: ProcessIdentity | undefined): void {
    const value = Buffer.alloc(NEW_CONTAINER_BYTES);
    value.writeBigUInt64LE(BigInt(firstProcess?.startTicks ?? 0), NEW_CONTAINER.first_process_start);
    value.writeUInt32LE(firstProcess?.pid ?? 0, NEW_CONTAINER.first_process);
    checked('cannot note a new container', updateElement(this.map, containerKey(container), value, BPF_ANY));
  }

  /** To be called once the kernel decides for it, before whoever holds its start is told. */
  visible(added: AddedContainer): void {
    added.isStarting = hasRunNothing(added.firstProcess?.pid);
  }

  /** To be called once they have been published. */
  published(containers: readonly AddedContainer[]): void {
    for (const each of containers) this.#published.set(namespaceKey(each.container), each);
  }

  forget(container: NamespacePair): void {
    this.#old.delete(namespaceKey(container));
    this.#published.delete(namespaceKey(container));
    deleteIfPresent('cannot forget a new container', this.map, containerKey(container));
  }

  /**
   * Marks the tasks of all containers published so far, once for all callers that wait.
   *
   * @returns how many this call has marked
   */
  mark(): Promise<number> {
    const marked = this.#marking.then(() => this.#mark());
    this.#marking = marked.catch(() => undefined);
    return marked;
  }

  async #mark(): Promise<number> {
    const now = [...this.#published];
    if (now.length === 0) return 0;
    const { taskIterator, listenerIterator } = this.iterators;
    const marked = await markTasks(taskIterator);
    if (listenerIterator !== undefined && now.some(([, { isStarting }]) => !isStarting))
      await markListeners(listenerIterator);
    for (const [key, each] of now) {
      // It has ended since, or its numbers belong to another one.
      if (this.#published.get(key) !== each) continue;
      this.#published.delete(key);
      this.#old.set(key, each.startTicks);
      deleteIfPresent('cannot clear a new container', this.map, containerKey(each.container));
    }
    return marked;
  }
}
