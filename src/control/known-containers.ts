import type { Container } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { isStep, type Steps } from '../steps.js';

/** Containers, to be found by their id and by their namespaces. */
export interface ContainerView {
  readonly size: number;
  get(id: string): Container | undefined;
  /** The one that has these namespaces. */
  at(namespaceKey: string): Container | undefined;
}

interface ContainerTarget extends ContainerView {
  put(container: Container): void;
  delete(id: string): void;
}

/** All known containers. A change costs the same however many there are. */
export class KnownContainers implements ContainerTarget {
  readonly #byId: Map<string, Container>;
  readonly #byNamespaces = new Map<string, Container>();

  constructor(containers: Iterable<Container>) {
    this.#byId = new Map();
    for (const container of containers) this.put(container);
  }

  /** By id; a live view. */
  get byId(): ReadonlyMap<string, Container> {
    return this.#byId;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Container | undefined {
    return this.#byId.get(id);
  }

  at(key: string): Container | undefined {
    return this.#byNamespaces.get(key);
  }

  put(container: Container): void {
    this.#forgetNamespaces(container.id);
    this.#byId.set(container.id, container);
    this.#byNamespaces.set(namespaceKey(container.namespaces), container);
  }

  delete(id: string): void {
    this.#forgetNamespaces(id);
    this.#byId.delete(id);
  }

  #forgetNamespaces(id: string): void {
    const known = this.#byId.get(id);
    if (known === undefined) return;
    const key = namespaceKey(known.namespaces);
    // Another one may have them by now.
    if (this.#byNamespaces.get(key)?.id === id) this.#byNamespaces.delete(key);
  }
}

/** Changes to containers that are not made yet, as if they were. */
export class ContainerDraft implements ContainerTarget {
  readonly #put = new Map<string, Container>();
  readonly #removed = new Map<string, Container>();
  /** Which container has these namespaces now; undefined: none any more. */
  readonly #holders = new Map<string, string | undefined>();
  #size: number;

  constructor(readonly base: ContainerView) {
    this.#size = base.size;
  }

  get size(): number {
    return this.#size;
  }

  /** Those that are new or changed. */
  get changed(): Iterable<Container> {
    return this.#put.values();
  }

  /** Those that are gone, as they were. */
  get removed(): Iterable<Container> {
    return this.#removed.values();
  }

  get isEmpty(): boolean {
    return this.#put.size === 0 && this.#removed.size === 0;
  }

  get(id: string): Container | undefined {
    return this.#put.get(id) ?? (this.#removed.has(id) ? undefined : this.base.get(id));
  }

  at(key: string): Container | undefined {
    if (!this.#holders.has(key)) return this.base.at(key);
    const holder = this.#holders.get(key);
    return holder === undefined ? undefined : this.get(holder);
  }

  put(container: Container): void {
    const { id } = container;
    if (this.get(id) === undefined) this.#size++;
    else this.#forgetNamespaces(id);
    this.#removed.delete(id);
    this.#put.set(id, container);
    this.#holders.set(namespaceKey(container.namespaces), id);
  }

  delete(id: string): void {
    if (this.get(id) === undefined) return;
    this.#size--;
    this.#forgetNamespaces(id);
    this.#put.delete(id);
    const before = this.base.get(id);
    if (before !== undefined) this.#removed.set(id, before);
  }

  /** Makes the changes. */
  *applyTo(target: ContainerTarget): Steps<void> {
    let place = 0;
    for (const id of this.#removed.keys()) {
      if (isStep(place++)) yield;
      target.delete(id);
    }
    for (const container of this.#put.values()) {
      if (isStep(place++)) yield;
      target.put(container);
    }
  }

  #forgetNamespaces(id: string): void {
    const key = namespaceKey(this.get(id)!.namespaces);
    if (this.at(key)?.id === id) this.#holders.set(key, undefined);
  }
}
