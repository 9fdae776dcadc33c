import type {
  Container,
  ContainerDescription,
  ContainerRoot,
  NamespacePair,
  ProcessIdentity,
  Protection,
} from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { type CallingProcess, lookAtChild } from '../containers/descent.js';
import { watchExit } from '../containers/exit-watch.js';
import { findLinks } from '../containers/find-links.js';
import { filesBelow, filesOf } from '../containers/process-files.js';
import {
  checkNamespaces,
  initStartTicks,
  isAlive,
  isFirst,
  linkedDirectories,
  namespacesOf,
  processesByNamespaces,
  processesByNamespacesInSteps,
  processIdentity,
} from '../containers/procfs.js';
import { Failure, invalidInput, type Problem } from '../failure.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import type { ContainerChange, ContainerRegistry } from './container-registry.js';
import { driftProblem, isDrift } from './drift.js';
import type { Outcome } from './ledger.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** How a caller identifies a container by a process in it. */
export interface ContainerProcess {
  readonly pid: number;
  /** See Container.isFirstProcess. */
  readonly firstProcess?: true;
  /** Where the container's root is below that of the process, before the process has been switched to it. */
  readonly root?: string;
  /** Who must have started the process. */
  readonly startedBy?: CallingProcess;
}

/** How a caller identifies the container's namespaces: by a process in them, or by their inodes. */
export type ContainerIdentity = ContainerProcess | NamespacePair;

export interface RegisterOptions {
  /** Which way the container comes under its policies; what came by a hook stays that. */
  readonly by: Protection['by'];
  /** Aborts when the container is not held at its first instruction any more: it comes under its policies by `event` then. */
  readonly held?: AbortSignal;
  /** Called as soon as the kernel decides for the container, which may be long before everything is done. */
  readonly onVisible?: () => void;
}

/** How long to wait before settling the end of a container again when that has failed. */
const RETRY_MILLISECONDS = 1000;

export interface ContainerRegistration {
  readonly description: ContainerDescription;
  readonly identity: ContainerIdentity;
}

/** Looks up containers in the process table when they are registered, and removes them when they end. */
export class ContainerTracker {
  readonly #watches = new Map<string, { readonly process: ProcessIdentity; close(): void }>();

  /** As the process table was when it was read last, and when that began. */
  #processes: ReadonlyMap<string, ProcessIdentity> = new Map();
  #readSince = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(
    readonly registry: ContainerRegistry,
    readonly logger: Logger,
    readonly hostMountNamespace: number,
    readonly examineRoot: (path: string, process: number) => ContainerRoot,
  ) {}

  /**
   * Registers a container, or updates one that has changed.
   *
   * @throws Failure invalid-argument naming `pid`, `child_pid` or `namespaces` when there is no such container or it can be none;
   *   see also ContainerRegistry.put
   */
  async register(
    description: ContainerDescription,
    identity: ContainerIdentity,
    { by, held, onVisible }: RegisterOptions = { by: 'registered' },
  ): Promise<Outcome<ContainerChange>> {
    const now = () => ({ by: held?.aborted ? 'event' : by, since: Date.now() }) as const;
    const expected = await this.#lookUp(description, identity, now(), performance.now());
    let actual: Protection | undefined;
    const registered = await this.registry.put(expected, () => {
      actual = now();
      onVisible?.();
    });
    const { container, kind } = registered.result;
    this.#watch(container);
    // If it is known otherwise already, it came under its policies before.
    if (actual !== undefined && actual.by !== expected.protection?.by && container.protection === expected.protection)
      await this.#correctProtection(container, actual);
    const problem = kind === 'added' ? driftProblem(container) : undefined;
    if (problem !== undefined && this.registry.ruleSetOf(container).rules.some(({ rule }) => isDrift(rule)))
      this.logger.warn({ container: container.id, problem }, 'the preset drift does not know what came with the image');
    return registered;
  }

  /** Makes the registered containers those given, all or nothing. Fields of problems start with `containers[0]`. */
  async sync(registrations: readonly ContainerRegistration[]): Promise<Outcome<ContainerChange[]>> {
    const problems: Problem[] = [];
    const containers: Container[] = [];
    const now = performance.now();
    for await (const [index, { description, identity }] of inTimeSlices(registrations.entries())) {
      try {
        containers.push(await this.#lookUp(description, identity, { by: 'registered', since: Date.now() }, now));
      } catch (thrown) {
        if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
        problems.push(...thrown.problems.map((each) => ({ ...each, field: `containers[${index}].${each.field}` })));
      }
    }
    if (problems.length > 0) throw invalidInput(problems);
    const outcome = await this.registry.sync(containers);
    for await (const { container, kind } of inTimeSlices(outcome.result)) {
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

  async #correctProtection(container: Container, protection: Protection): Promise<void> {
    try {
      await this.registry.correctProtection(container, protection);
    } catch (err) {
      // It is under its policies all the same.
      this.logger.warn(
        { container: container.id, err },
        'it cannot be recorded that a container started before its policies were in force',
      );
    }
  }

  /** @param since the process table is not to be older than this: see #processIn */
  async #lookUp(
    description: ContainerDescription,
    identity: ContainerIdentity,
    protection: Protection,
    since: number,
  ): Promise<Container> {
    if ('pid' in identity) {
      const { startedBy, ...process } = identity;
      const look = () => this.#lookAt(description, process);
      const container = startedBy === undefined ? look() : lookAtChild(process.pid, startedBy, look);
      return { ...container, protection };
    }
    checkNamespaces(identity, 'namespaces', this.hostMountNamespace);
    const process = await this.#processIn(identity, since);
    if (process === undefined) return { ...description, namespaces: identity, links: {}, protection };
    return { ...this.#describe(description, identity, process), protection };
  }

  #lookAt(description: ContainerDescription, { pid, firstProcess, root }: ContainerProcess): Container {
    const namespaces = namespacesOf(pid);
    checkNamespaces(namespaces, 'pid', this.hostMountNamespace);
    const files = root === undefined ? filesOf(pid) : filesBelow(pid, root);
    const container = {
      ...this.#describe(description, namespaces, processIdentity(pid), files),
      ...(root !== undefined && { rootBefore: root }),
    };
    return { ...container, ...(firstProcess && { isFirstProcess: firstProcess }) };
  }

  #describe(
    description: ContainerDescription,
    namespaces: NamespacePair,
    process: ProcessIdentity,
    files = filesOf(process.pid),
  ): Container {
    const started = initStartTicks(namespaces.pidNamespace, process.pid);
    const { links, shared, folded } = findLinks(files, this.registry.namedPathsOf(description));
    return {
      ...description,
      namespaces,
      process,
      // The container itself makes no process 1 of its namespace.
      ...(isFirst(process.pid) && { isFirstProcess: true as const }),
      ...(started !== undefined && { initStartTicks: started }),
      links: { ...linkedDirectories(process.pid, files.root), ...links },
      ...(shared.length > 0 && { sharedPrograms: shared }),
      ...(folded.length > 0 && { foldedPlaces: folded }),
      root: this.examineRoot(files.root, process.pid),
    };
  }

  /**
   * Some process that lives in both namespaces. Where many are looked up, the process table is not read for each.
   *
   * @param since those that have come since need not be found, in the time of performance.now
   */
  async #processIn(namespaces: NamespacePair, since: number): Promise<ProcessIdentity | undefined> {
    const key = namespaceKey(namespaces);
    const known = this.#processes.get(key);
    if (known !== undefined && isAlive(known) && isIn(known, namespaces)) return known;
    while (this.#readSince < since) {
      this.#reading ??= this.#readProcesses().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    return this.#processes.get(key);
  }

  async #readProcesses(): Promise<void> {
    const began = performance.now();
    this.#processes = await finishInTimeSlices(processesByNamespacesInSteps());
    this.#readSince = began;
  }

  #watch({ id, process }: Container): void {
    const known = this.#watches.get(id);
    if (known !== undefined && isSameProcess(known.process, process)) return;
    this.#forget(id);
    if (process === undefined) return;
    const { close } = watchExit(process.pid, () => void this.#onExit(id, process));
    this.#watches.set(id, { process, close });
  }

  #forget(id: string): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  /** The process that a container was identified by has ended: the container continues in another one, or has ended too. */
  async #onExit(id: string, process: ProcessIdentity): Promise<void> {
    this.#watches.delete(id);
    const known = this.registry.get(id);
    if (known === undefined || !isSameProcess(known.process, process)) return;
    try {
      const candidate = await this.#processIn(known.namespaces, performance.now());
      // It may have been reported again meanwhile.
      const container = this.registry.get(id);
      if (container === undefined || !isSameProcess(container.process, process)) return;
      const successor = successorOf(container, candidate);
      if (successor === undefined) {
        await this.registry.remove(id);
        this.logger.info({ container: id }, 'the container has ended');
      } else {
        const { result } = await this.registry.put(successor);
        this.#watch(result.container);
      }
    } catch (err) {
      this.logger.warn({ container: id, err }, 'cannot process the end of a container');
      const timer = setTimeout(() => void this.#onExit(id, process), RETRY_MILLISECONDS).unref();
      this.#watches.set(id, { process, close: () => clearTimeout(timer) });
    }
  }
}

/** The container as it lives on in another of its processes: the numbers of its namespaces alone may be a later one's. */
function successorOf(container: Container, candidate: ProcessIdentity | undefined): Container | undefined {
  if (candidate === undefined) return undefined;
  const { isFirstProcess: _, ...rest } = container;
  const { namespaces, initStartTicks: started } = container;
  const isSame = started === undefined || initStartTicks(namespaces.pidNamespace, candidate.pid) === started;
  return isSame ? { ...rest, process: candidate } : undefined;
}

function isSameProcess(a: ProcessIdentity | undefined, b: ProcessIdentity | undefined): boolean {
  return a?.pid === b?.pid && a?.startTicks === b?.startTicks;
}

/**
 * The containers of an earlier daemon that still run. Namespaces are numbered again after their end, so one is believed
 * only when the process that it was registered by lives in them, or another one does and it is known that they are the
 * same namespaces still.
 */
export function stillRunning(containers: readonly Container[]): Container[] {
  let processes: ReadonlyMap<string, ProcessIdentity> | undefined;
  return containers.flatMap((container) => {
    const { process, namespaces } = container;
    if (process !== undefined && isAlive(process) && isIn(process, namespaces)) return [container];
    // All at once: after a restart of the machine none of many may be there.
    processes ??= processesByNamespaces();
    const candidate = processes.get(namespaceKey(namespaces));
    if (process === undefined) return candidate === undefined ? [] : [container];
    if (container.initStartTicks === undefined) return [];
    return successorOf(container, candidate) ?? [];
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
