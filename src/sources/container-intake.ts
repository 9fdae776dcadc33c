import { type Backoff, waitAfter } from '../backoff.js';
import type { Container, ContainerDescription } from '../containers/container.js';
import type { ContainerProcess, RegisterOptions } from '../control/container-tracker.js';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { UnprotectedCause, UnprotectedContainers } from '../control/protection.js';
import { Failure } from '../failure.js';
import { isReportedElsewhere, trueCause, unprotectedCause } from './failure-cause.js';
import { startsUnprotected } from './held-start.js';
import { isOfController, KnownContainer, type Reporter, runs } from './known-container.js';
import type { ContainerSink, SourceContainer, SourceLogger } from './source.js';

/** Waiting registrations are published together; at most this many are under way at once. */
const UNDER_WAY_MAX = 100;
const RETRY_MILLISECONDS = { first: 1000, most: 30_000 };

/** The parts of the control plane that containers are handed to. */
export interface IntakeOptions {
  readonly tracker: {
    register(description: ContainerDescription, process: ContainerProcess, options: RegisterOptions): Promise<unknown>;
    unregister(id: string): Promise<unknown>;
  };
  readonly registry: { get(id: string): Container | undefined; list(): readonly Container[] };
  readonly unprotected: UnprotectedContainers;
  readonly counts: IntakeCounts;
  readonly logger: SourceLogger;
  /** Adds what others than the runtime know about a container; nothing is added when left out. */
  readonly refine?: (description: ContainerDescription) => ContainerDescription;
  /** Milliseconds before the next attempt: doubled from the first to the most. */
  readonly retry?: Backoff;
}

/** A container whose first instruction waits. */
export interface StartingContainer {
  readonly container: SourceContainer;
  /** See ContainerProcess. */
  readonly root?: string;
  /** Whether the container starts also when it is not protected. */
  readonly startsAnyway: boolean;
  /** Aborts when nobody waits for it any more, so that it runs if it is not refused. */
  readonly held: AbortSignal;
  /** Called once the kernel decides by its policies. */
  readonly onVisible: () => void;
}

/**
 * Registers the containers that sources report. One reported by several sources is one container, described by the best
 * of them. A failed attempt is repeated until the container is protected or has ended, and is reported meanwhile.
 */
export class ContainerIntake {
  readonly #options: IntakeOptions;
  readonly #retry: Backoff;
  readonly #known = new Map<string, KnownContainer>();
  readonly #queue: KnownContainer[] = [];
  readonly #endings = new Map<string, NodeJS.Timeout>();
  #underWay = 0;
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#retry = options.retry ?? RETRY_MILLISECONDS;
  }

  /** Where one source reports its containers. */
  sinkOf(reporter: Reporter): ContainerSink {
    return {
      running: (containers) => this.#running(reporter, containers),
      started: (container) => this.#started(reporter, container),
      ended: (id) => this.#ended(reporter, id),
    };
  }

  /**
   * Registers a container whose first instruction waits for it. Resolves when the registration is complete.
   *
   * @throws the failure; the attempt is repeated if the container starts anyway
   */
  async takeInStarting(reporter: Reporter, start: StartingContainer): Promise<void> {
    const { container, root, held, onVisible } = start;
    const known = this.#report(reporter, container);
    clearTimeout(known.timer);
    const wanted = known.facts;
    if (isOfController(this.#options.registry.get(known.id), wanted.pid)) this.#settle(known, wanted);
    if (this.#isInForce(known)) return onVisible();
    const process: ContainerProcess = { pid: container.pid, firstProcess: true, ...(root !== undefined && { root }) };
    await this.#attempt(
      known,
      wanted,
      () => this.#options.tracker.register(wanted.description, process, { by: 'hook', held, onVisible }),
      (error) => {
        // Another source has it under another id: it is protected.
        const isProtected = error instanceof Failure && error.code === 'already-exists';
        const isStarted = startsUnprotected(start) || known.isReportedBesides(reporter.key, container);
        if (isStarted || isProtected) this.#fail(known, error);
        else {
          this.#options.counts.failures[unprotectedCause(error)]++;
          this.#forget(known);
        }
        if (!isProtected) throw error;
      },
    );
  }

  /** Registers again containers that run but are no longer registered. */
  check(): void {
    for (const known of [...this.#known.values()]) {
      const registered = this.#options.registry.get(known.id);
      if (known.stage !== 'idle' || (known.held !== undefined && registered !== undefined)) continue;
      if (!known.isAlive && !runs(registered) && (known.held !== undefined || known.isReportedByHookOnly)) {
        this.#forget(known);
      } else if (known.held !== undefined) {
        known.held = undefined;
        this.#schedule(known);
      }
    }
  }

  /** Registers again containers about which others now know more. */
  refineAgain(): void {
    for (const known of this.#known.values()) this.#schedule(known);
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    for (const { timer } of this.#known.values()) clearTimeout(timer);
    for (const timer of this.#endings.values()) clearTimeout(timer);
  }

  #running(reporter: Reporter, containers: readonly SourceContainer[]): void {
    const ids = new Set(containers.map(({ description }) => description.id));
    for (const known of [...this.#known.values()]) {
      if (known.isReportedBy(reporter.key) && !ids.has(known.id)) this.#ended(reporter, known.id);
    }
    for (const { id, origin } of this.#options.registry.list()) {
      if (origin === reporter.origin && !ids.has(id) && !this.#known.has(id)) void this.#unregister(id);
    }
    for (const container of containers) this.#started(reporter, container);
  }

  #started(reporter: Reporter, container: SourceContainer): void {
    this.#schedule(this.#report(reporter, container));
  }

  #report(reporter: Reporter, container: SourceContainer): KnownContainer {
    const { id } = container.description;
    const known = this.#known.get(id) ?? new KnownContainer(id, this.#options.refine);
    this.#known.set(id, known);
    known.report(reporter, container);
    return known;
  }

  #ended({ key }: Reporter, id: string): void {
    const known = this.#known.get(id);
    if (known !== undefined) {
      const isLast = !known.withdraw(key);
      // It has been started again meanwhile, as another source has reported.
      if (isLast && known.isAlive) return;
      this.#forget(known);
    }
    void this.#unregister(id);
  }

  #forget(known: KnownContainer): void {
    clearTimeout(known.timer);
    if (this.#known.get(known.id) !== known) return;
    this.#known.delete(known.id);
    this.#options.unprotected.delete(known.id);
  }

  /**
   * Its processes that still run stay under its policies: the tracker sees the last of them end. So does a container
   * that a controller has registered itself.
   */
  async #unregister(id: string): Promise<void> {
    clearTimeout(this.#endings.get(id));
    this.#endings.delete(id);
    const registered = this.#options.registry.get(id);
    if (registered === undefined || registered.origin === 'registered' || runs(registered)) return;
    try {
      await this.#options.tracker.unregister(id);
    } catch (error) {
      if ((error instanceof Failure && error.code === 'not-found') || this.#stopped) return;
      const reason = trueCause(error);
      this.#options.logger.warn({ container: id, reason }, 'the end of a container cannot be recorded: trying again');
      this.#endings.set(
        id,
        setTimeout(() => void this.#unregister(id), this.#retry.most),
      );
    }
  }

  #isInForce(known: KnownContainer): boolean {
    return known.isHeld && this.#options.registry.get(known.id) !== undefined;
  }

  #schedule(known: KnownContainer): void {
    if (known.stage === 'under way') known.hasChanged = true;
    if (known.stage !== 'idle' || this.#stopped) return;
    if (this.#isInForce(known)) return;
    clearTimeout(known.timer);
    known.stage = 'queued';
    this.#queue.push(known);
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < UNDER_WAY_MAX) {
      const known = this.#queue.shift();
      if (known === undefined) return;
      if (known.stage !== 'queued') continue;
      known.stage = 'idle';
      if (this.#known.get(known.id) === known) void this.#takeIn(known);
    }
  }

  async #takeIn(known: KnownContainer): Promise<void> {
    const wanted = known.facts;
    const { registry, tracker } = this.#options;
    const registered = registry.get(known.id);
    // What a controller says about its own container takes precedence over what a runtime says.
    if (registered?.origin === 'registered') return this.#settle(known, wanted);
    this.#underWay++;
    try {
      await this.#attempt(
        known,
        wanted,
        () => tracker.register(wanted.description, { pid: wanted.pid }, { by: 'event' }),
        (error) => this.#fail(known, error),
      );
    } finally {
      this.#underWay--;
      this.#pump();
    }
  }

  /** One attempt; what was reported meanwhile follows. */
  async #attempt(
    known: KnownContainer,
    wanted: SourceContainer,
    register: () => Promise<unknown>,
    onFailure: (error: unknown) => void,
  ): Promise<void> {
    known.stage = 'under way';
    known.hasChanged = false;
    try {
      await register();
      known.stage = 'idle';
      this.#settle(known, wanted);
    } catch (error) {
      known.stage = 'idle';
      onFailure(error);
    } finally {
      if (this.#known.get(known.id) === known && known.hasChanged) this.#schedule(known);
    }
  }

  #settle(known: KnownContainer, wanted: SourceContainer): void {
    const { id, failures } = known;
    if (this.#known.get(id) !== known) {
      void this.#unregister(id);
      return;
    }
    known.held = wanted;
    known.failures = 0;
    known.reason = undefined;
    this.#options.unprotected.delete(id);
    if (failures === 0) return;
    const fields = { container: id, name: wanted.description.name, attempts: failures + 1 };
    this.#options.logger.info(fields, 'the container is protected now');
  }

  #fail(known: KnownContainer, error: unknown): void {
    if (this.#stopped || this.#known.get(known.id) !== known) return;
    if (!known.isAlive && known.isReportedByHookOnly) {
      this.#forget(known);
      return;
    }
    known.held = undefined;
    known.failures++;
    // Its end is reported in a moment; if not, its processes cannot be seen from here.
    if (!known.isAlive && known.failures === 1) {
      this.#tryAgain(known, this.#retry.first);
      return;
    }
    // Under another id it is protected as well, until somebody unregisters that.
    const isKnown = isReportedElsewhere(error);
    if (!isKnown) this.#reportFailure(known, unprotectedCause(error), trueCause(error));
    this.#tryAgain(known, isKnown ? this.#retry.most : waitAfter(known.failures, this.#retry));
  }

  #reportFailure(known: KnownContainer, cause: UnprotectedCause, reason: string): void {
    const { counts, unprotected, logger } = this.#options;
    const { description } = known.facts;
    counts.failures[cause]++;
    if (known.reason === reason) return;
    known.reason = reason;
    unprotected.put(description, cause, reason);
    const fields = { container: known.id, name: description.name, sources: known.reporterNames, cause, reason };
    logger.warn(fields, 'a container runs without its policies: trying again');
  }

  #tryAgain(known: KnownContainer, milliseconds: number): void {
    clearTimeout(known.timer);
    known.timer = setTimeout(() => {
      this.#options.counts.retries++;
      this.#schedule(known);
    }, milliseconds);
  }
}
