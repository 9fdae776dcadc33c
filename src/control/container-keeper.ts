import type { Container, ContainerDescription, NamespacePair, ProcessIdentity } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { watchExit } from '../containers/exit-watch.js';
import {
  checkNamespaces,
  findProcessIn,
  isAlive,
  linkedDirectories,
  namespacesOf,
  processIdentity,
} from '../containers/procfs.js';
import { Failure } from '../failure.js';
import type { Controller } from './controller.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Looks containers up in the kernel's process table when they are registered, and lets them go when they end. */
export class ContainerKeeper {
  readonly #watches = new Map<string, { close(): void }>();

  constructor(
    readonly controller: Controller,
    readonly logger: Logger,
  ) {}

  /** @throws Failure invalid-argument naming `pid` or `namespaces` when there is no such container */
  async register(
    description: ContainerDescription,
    identity: { readonly pid: number } | NamespacePair,
  ): Promise<{ container: Container; changed: boolean }> {
    const container = 'pid' in identity ? byProcess(description, identity.pid) : byNamespaces(description, identity);
    const registered = await this.controller.putContainer(container);
    this.#watch(registered.container);
    return registered;
  }

  /** @throws Failure not-found */
  async unregister(id: string): Promise<void> {
    await this.controller.removeContainer(id);
    this.#forget(id);
  }

  /** Watches the containers that were loaded from disk. */
  resume(): void {
    for (const container of this.controller.containers()) this.#watch(container);
  }

  stop(): void {
    for (const id of [...this.#watches.keys()]) this.#forget(id);
  }

  #watch(container: Container): void {
    this.#forget(container.id);
    if (container.process === undefined) return;
    this.#watches.set(
      container.id,
      watchExit(container.process.pid, () => void this.#onExit(container)),
    );
  }

  #forget(id: string): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  /** The process a container was known by is gone: the container lives on in another one, or it is over. */
  async #onExit(container: Container): Promise<void> {
    this.#watches.delete(container.id);
    try {
      const successor = findProcessIn(container.namespaces);
      if (this.controller.container(container.id)?.process?.pid !== container.process?.pid) return;
      if (successor === undefined) {
        await this.controller.removeContainer(container.id);
        this.logger.info({ container: container.id }, 'the container has ended');
      } else {
        const { container: renewed } = await this.controller.putContainer({ ...container, process: successor });
        this.#watch(renewed);
      }
    } catch (error) {
      this.logger.warn({ container: container.id, error }, 'cannot settle the end of a container');
    }
  }
}

/**
 * The containers of an earlier daemon that still run: namespaces are numbered again after their end, so one is only
 * believed when its process is the very one that was registered, or lives in its namespaces under another number.
 */
export function stillRunning(containers: readonly Container[]): Container[] {
  return containers.flatMap((container) => {
    if (container.process === undefined) {
      return findProcessIn(container.namespaces) === undefined ? [] : [container];
    }
    if (!isAlive(container.process)) return [];
    return isIn(container.process, container.namespaces) ? [container] : [];
  });
}

function isIn({ pid }: ProcessIdentity, namespaces: NamespacePair): boolean {
  try {
    return namespaceKey(namespacesOf(pid)) === namespaceKey(namespaces);
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function byProcess(description: ContainerDescription, pid: number): Container {
  const namespaces = namespacesOf(pid);
  checkNamespaces(namespaces, 'pid');
  return { ...description, namespaces, process: processIdentity(pid), links: linkedDirectories(pid) };
}

function byNamespaces(description: ContainerDescription, namespaces: NamespacePair): Container {
  checkNamespaces(namespaces, 'namespaces');
  const process = findProcessIn(namespaces);
  if (process === undefined) return { ...description, namespaces, links: {} };
  return { ...description, namespaces, process, links: linkedDirectories(process.pid) };
}
