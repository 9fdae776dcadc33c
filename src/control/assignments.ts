import type { Container } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import type { PublishedContainer } from '../kernel/enforcer.js';
import type { Kind } from './container-kinds.js';

/** What decides for a container. */
export interface Assignment {
  readonly container: Container;
  readonly kind: Kind;
}

/** A container as it stands in the kernel's map. */
export interface Published {
  readonly id: string;
  /** See namespaceKey. */
  readonly key: string;
  readonly entry: PublishedContainer;
}

/** What decides for whom, by id and by namespaces; the host among them, if a policy reaches it. */
export class Assignments {
  readonly #byId = new Map<string, Assignment>();
  readonly #byNamespaces = new Map<string, Assignment>();
  readonly #leftOut = new Map<string, readonly string[]>();

  get(id: string): Assignment | undefined {
    return this.#byId.get(id);
  }

  at(key: string): Assignment | undefined {
    return this.#byNamespaces.get(key);
  }

  values(): Iterable<Assignment> {
    return this.#byId.values();
  }

  keys(): Iterable<string> {
    return this.#byNamespaces.keys();
  }

  /** By container id, of those that some policies are left out of: the keys of these. */
  get leftOut(): ReadonlyMap<string, readonly string[]> {
    return this.#leftOut;
  }

  /** Returns what has decided for the container before. */
  set(assignment: Assignment): Assignment | undefined {
    const { container, kind } = assignment;
    let before = this.#byId.get(container.id);
    if (before?.container !== container) before = this.delete(container.id);
    this.#byId.set(container.id, assignment);
    this.#byNamespaces.set(namespaceKey(container.namespaces), assignment);
    if (kind.leftOut.length > 0) this.#leftOut.set(container.id, kind.leftOut);
    else this.#leftOut.delete(container.id);
    return before;
  }

  delete(id: string): Assignment | undefined {
    const before = this.#byId.get(id);
    if (before === undefined) return undefined;
    this.#byId.delete(id);
    this.#leftOut.delete(id);
    const key = namespaceKey(before.container.namespaces);
    // Another one may have been given them.
    if (this.#byNamespaces.get(key) === before) this.#byNamespaces.delete(key);
    return before;
  }
}

/** What the kernel is to hold for it. */
export function entryOf({ container, kind }: Assignment): PublishedContainer {
  return {
    container: container.namespaces,
    ...(container.initStartTicks !== undefined && { initStartTicks: container.initStartTicks }),
    ...(container.isFirstProcess && container.process !== undefined && { firstProcess: container.process }),
    ...((container.isHost || container.process !== undefined) && { process: container.process?.pid ?? 1 }),
    ...(container.rootBefore !== undefined && { rootBefore: container.rootBefore }),
    ...(deviceOf(container) !== undefined && { rootDevice: deviceOf(container)! }),
    image: kind.image.kernelImage,
  };
}

/** The same for as long as the kernel has to know a container by the same numbers. */
export function identityOf(container: Container): string {
  return `${namespaceKey(container.namespaces)}:${container.initStartTicks}:${deviceOf(container)}`;
}

function deviceOf({ root }: Container): number | undefined {
  return root !== undefined && 'device' in root ? root.device : undefined;
}
