import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import type { Store, StoreChanges } from '../store/store.js';
import type { DesiredState } from './desired-state.js';
import type { Enforcement } from './enforcement.js';
import { Serial } from './serial.js';

/** One change, worked out but not yet made. */
export interface Change<Result> {
  /** Undefined when everything is already as asked. */
  readonly next:
    | {
        readonly desired: DesiredState;
        /** Which containers' rules may have changed. */
        readonly affected: (container: Container) => boolean;
        readonly stored: StoreChanges;
      }
    | undefined;
  readonly result: Result;
}

/**
 * Works a change out from the state it is made to and the generation it will have. No other change is made meanwhile.
 *
 * @throws Failure and then nothing has changed
 */
export type Work<Result> = (current: DesiredState, generation: number) => Change<Result> | Promise<Change<Result>>;

export interface Outcome<Result> {
  readonly result: Result;
  /** Of the state that holds now. */
  readonly generation: number;
}

/** How long to wait before asking the kernel again for a change it did not take. */
const RETRY_MILLISECONDS = 1000;

/**
 * The daemon's one writer: every change goes through here, one at a time. It is checked and compiled whole, then
 * written to disk, then published to the kernel, then answered. Generations count the changes.
 */
export class Ledger {
  readonly #serial = new Serial();
  readonly #byNamespaces = new Map<string, Container>();
  readonly #waiting = new Set<{ readonly generation: number; readonly resolve: () => void }>();
  #desired: DesiredState;
  #generation: number;
  #enforcedGeneration = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly enforcement: Enforcement,
    readonly store: Pick<Store, 'commit'>,
    initial: { readonly desired: DesiredState; readonly generation: number },
    /** Called with the seconds a change took, from the call to the last map update. */
    readonly onApplied: (seconds: number) => void,
    /** Called after each change, also after one the kernel did not take. */
    readonly onChange: () => void,
  ) {
    this.#desired = initial.desired;
    this.#generation = initial.generation;
  }

  get desired(): DesiredState {
    return this.#desired;
  }

  /** Of the last change that was written down. */
  get generation(): number {
    return this.#generation;
  }

  /** The one the kernel holds. */
  get enforcedGeneration(): number {
    return this.#enforcedGeneration;
  }

  /**
   * Brings the kernel into agreement with what was loaded from disk.
   *
   * @param gone ids of containers on disk that are no more
   */
  start(gone: readonly string[]): Promise<void> {
    return this.#serial.run(() => this.#carryOut(this.#desired, () => true, { deleteContainers: gone }, 0));
  }

  /** Resolves once a change under way is complete; no retry follows. */
  stop(): Promise<void> {
    clearTimeout(this.#retry);
    return this.#serial.run(async () => undefined);
  }

  change<Result>(work: Work<Result>): Promise<Outcome<Result>> {
    return this.#serial.run(async () => {
      const { next, result } = await work(this.#desired, this.#generation + 1);
      if (next !== undefined) await this.#carryOut(next.desired, next.affected, next.stored, 1);
      return { result, generation: this.#generation };
    });
  }

  /** All of `change` but the change: what would be compiled is compiled. */
  rehearse<Result>(work: Work<Result>): Promise<Result> {
    return this.#serial.run(async () => {
      const { next, result } = await work(this.#desired, this.#generation + 1);
      if (next !== undefined) await this.enforcement.rehearse(next.desired, next.affected);
      return result;
    });
  }

  /** Resolves with the generation the kernel holds once it is not older; undefined when given up before. */
  async whenEnforced(generation: number, givenUp: AbortSignal): Promise<number | undefined> {
    if (this.#enforcedGeneration < generation) {
      await new Promise<void>((resolve) => {
        const waiter = { generation, resolve };
        this.#waiting.add(waiter);
        givenUp.addEventListener('abort', () => {
          this.#waiting.delete(waiter);
          resolve();
        });
      });
    }
    return this.#enforcedGeneration < generation ? undefined : this.#enforcedGeneration;
  }

  containerAt(namespaces: NamespacePair): Container | undefined {
    return this.#byNamespaces.get(namespaceKey(namespaces));
  }

  async #carryOut(
    desired: DesiredState,
    affected: (container: Container) => boolean,
    stored: StoreChanges,
    step: 0 | 1,
  ): Promise<void> {
    const began = process.hrtime.bigint();
    const generation = this.#generation + step;
    try {
      await this.enforcement.change(desired, affected, async ({ added, retired, lastImage }) => {
        await this.store.commit({
          ...stored,
          deleteImageRecords: retired,
          putImageRecords: added.map(({ kernelImage, rules }) => ({ generation: kernelImage.generation, rules })),
          lastImage,
          generation,
        });
        this.#remember(desired, generation);
      });
      this.onApplied(Number(process.hrtime.bigint() - began) / 1e9);
      this.#enforced();
    } finally {
      if (this.enforcement.divergence !== undefined) this.#retryLater();
      this.onChange();
    }
  }

  #remember(desired: DesiredState, generation: number): void {
    this.#desired = desired;
    this.#generation = generation;
    this.#byNamespaces.clear();
    const { host } = this.enforcement;
    for (const container of [...(host === undefined ? [] : [host]), ...desired.containers.values()]) {
      this.#byNamespaces.set(namespaceKey(container.namespaces), container);
    }
  }

  #enforced(): void {
    this.#enforcedGeneration = this.#generation;
    for (const waiter of this.#waiting) {
      if (waiter.generation > this.#enforcedGeneration) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      // A failure is told by onChange, and the next retry follows.
      this.#serial.run(() => this.#carryOut(this.#desired, () => false, {}, 0)).catch(() => undefined);
    }, RETRY_MILLISECONDS);
  }
}
