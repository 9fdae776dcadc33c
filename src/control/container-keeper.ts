import type { Container, ContainerDescription, NamespacePair, ProcessIdentity } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { watchExit } from '../containers/exit-watch.js';
import {
  checkNamespaces,
  findProcessIn,
  initStartTicks,
  isAlive,
  isFirst,
  linkedDirectories,
  namespacesOf,
  processIdentity,
} from '../containers/procfs.js';
import { Failure, invalidInput, type Problem } from '../failure.js';
import type { ContainerChange, ContainerRegistry } from './container-registry.js';
import type { Outcome } from './ledger.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** How a caller names the container's namespaces: by a process in them, or by their inodes. */
export type ContainerIdentity = { readonly pid: number } | NamespacePair;

export interface ContainerRegistration {
  readonly description: ContainerDescription;
  readonly identity: ContainerIdentity;
}

/** Looks containers up in the kernel's process table when they are registered, and lets them go when they end. */
export class ContainerKeeper {
  readonly #watches = new Map<string, { close(): void }>();

  constructor(
    readonly registry: ContainerRegistry,
    readonly logger: Logger,
    readonly hostMountNamespace: number,
  ) {}

  /** @throws Failure invalid-argument naming `pid` or `namespaces` when there is no such container */
  async register(description: ContainerDescription, identity: ContainerIdentity): Promise<Outcome<ContainerChange>> {
    const registered = await this.registry.put(this.#lookUp(description, identity));
    this.#watch(registered.result.container);
    return registered;
  }

  /** Makes the registered containers those given, all or nothing. Fields of problems start with `containers[0]`. */
  async sync(registrations: readonly ContainerRegistration[]): Promise<Outcome<ContainerChange[]>> {
    const problems: Problem[] = [];
    const containers = registrations.flatMap(({ description, identity }, index) => {
      try {
        return [this.#lookUp(description, identity)];
      } catch (thrown) {
        if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
        problems.push(...thrown.problems.map((each) => ({ ...each, field: `containers[${index}].${each.field}` })));
        return [];
      }
    });
    if (problems.length > 0) throw invalidInput(problems);
    const outcome = await this.registry.sync(containers);
    for (const { container, kind } of outcome.result) {
      if (kind === 'removed') this.#forget(container.id);
      else this.#watch(container);
    }
    return outcome;
  }

  /** @throws Failure not-found */
  async unregister(id: string): Promise<Outcome<ContainerChange[]>> {
    const outcome = await this.registry.remove(id);
    this.#forget(id);
    return outcome;
  }

  /** Watches the containers that were loaded from disk. */
  resume(): void {
    for (const container of this.registry.list()) this.#watch(container);
  }

  stop(): void {
    for (const id of [...this.#watches.keys()]) this.#forget(id);
  }

  #lookUp(description: ContainerDescription, identity: ContainerIdentity): Container {
    if ('pid' in identity) {
      const { pid } = identity;
      const namespaces = namespacesOf(pid);
      checkNamespaces(namespaces, 'pid', this.hostMountNamespace);
      return describe(description, namespaces, processIdentity(pid));
    }
    checkNamespaces(identity, 'namespaces', this.hostMountNamespace);
    const process = findProcessIn(identity);
    if (process === undefined) return { ...description, namespaces: identity, links: {} };
    return describe(description, identity, process);
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
      const successor = successorOf(container);
      if (this.registry.get(container.id)?.process?.pid !== container.process?.pid) return;
      if (successor === undefined) {
        await this.registry.remove(container.id);
        this.logger.info({ container: container.id }, 'the container has ended');
      } else {
        const { isFirstProcess: _, ...rest } = container;
        const { result } = await this.registry.put({ ...rest, process: successor });
        this.#watch(result.container);
      }
    } catch (error) {
      this.logger.warn({ container: container.id, error }, 'cannot settle the end of a container');
    }
  }
}

function describe(description: ContainerDescription, namespaces: NamespacePair, process: ProcessIdentity): Container {
  const started = initStartTicks(namespaces.pidNamespace, process.pid);
  return {
    ...description,
    namespaces,
    process,
    ...(isFirst(process.pid) && { isFirstProcess: true as const }),
    ...(started !== undefined && { initStartTicks: started }),
    links: linkedDirectories(process.pid),
  };
}

/** Another process of the same container: the numbers of its namespaces alone may be a later container's by now. */
function successorOf({ namespaces, initStartTicks: started }: Container): ProcessIdentity | undefined {
  const candidate = findProcessIn(namespaces);
  if (candidate === undefined || started === undefined) return candidate;
  return initStartTicks(namespaces.pidNamespace, candidate.pid) === started ? candidate : undefined;
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
