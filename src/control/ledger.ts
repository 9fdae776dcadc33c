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
 * Works a change out from the state it is made to and the revision it will have. No other change is made meanwhile.
 *
 * @throws Failure and then nothing has changed
 */
export type Work<Result> = (current: DesiredState, revision: number) => Change<Result> | Promise<Change<Result>>;

export interface Outcome<Result> {
  readonly result: Result;
  /** Of the state that holds now. */
  readonly revision: number;
}

/** How long to wait before asking the kernel again for a change it did not take. */
const RETRY_MILLISECONDS = 1000;

/**
 * The daemon's one writer: every change goes through here, one at a time. It is checked and compiled whole, then
 * written to disk, then published to the kernel, then answered. Revisions count the changes.
 */
export class Ledger {
  readonly #serial = new Serial();
  readonly #byNamespaces = new Map<string, Container>();
  readonly #waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  #desired: DesiredState;
  #revision: number;
  #enforcedRevision = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly enforcement: Enforcement,
    readonly store: Pick<Store, 'commit'>,
    initial: { readonly desired: DesiredState; readonly revision: number },
    /** Called with the seconds a change took, from the call to the last map update. */
    readonly onApplied: (seconds: number) => void,
    /** Called after each change, also after one the kernel did not take. */
    readonly onChange: () => void,
  ) {
    this.#desired = initial.desired;
    this.#revision = initial.revision;
  }

  get desired(): DesiredState {
    return this.#desired;
  }

  /** Of the last change that was written down. */
  get revision(): number {
    return this.#revision;
  }

  /** The one the kernel holds. */
  get enforcedRevision(): number {
    return this.#enforcedRevision;
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
      const { next, result } = await work(this.#desired, this.#revision + 1);
      if (next !== undefined) await this.#carryOut(next.desired, next.affected, next.stored, 1);
      return { result, revision: this.#revision };
    });
  }

  /** Resolves with the revision the kernel holds once it is not older; undefined when given up before. */
  async whenEnforced(revision: number, givenUp: AbortSignal): Promise<number | undefined> {
    if (this.#enforcedRevision < revision) {
      await new Promise<void>((resolve) => {
        const waiter = { revision, resolve };
        this.#waiting.add(waiter);
        givenUp.addEventListener('abort', () => {
          this.#waiting.delete(waiter);
          resolve();
        });
      });
    }
    return this.#enforcedRevision < revision ? undefined : this.#enforcedRevision;
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
    const revision = this.#revision + step;
    try {
      await this.enforcement.change(desired, affected, async ({ added, retired, lastImage }) => {
        await this.store.commit({
          ...stored,
          deleteImageRecords: retired,
          putImageRecords: added.map(({ kernelImage, rules }) => ({ imageId: kernelImage.imageId, rules })),
          lastImage,
          revision,
        });
        this.#remember(desired, revision);
      });
      this.onApplied(Number(process.hrtime.bigint() - began) / 1e9);
      this.#enforced();
    } finally {
      if (this.enforcement.divergence !== undefined) this.#retryLater();
      this.onChange();
    }
  }

  #remember(desired: DesiredState, revision: number): void {
    this.#desired = desired;
    this.#revision = revision;
    this.#byNamespaces.clear();
    const { host } = this.enforcement;
    for (const container of [...(host === undefined ? [] : [host]), ...desired.containers.values()]) {
      this.#byNamespaces.set(namespaceKey(container.namespaces), container);
    }
  }

  #enforced(): void {
    this.#enforcedRevision = this.#revision;
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.#enforcedRevision) continue;
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
