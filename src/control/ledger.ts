import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { whereProcessesLive } from '../containers/procfs.js';
import { Failure } from '../failure.js';
import type { Store, StoreChanges } from '../store/store.js';
import type { Adopted } from './adoption.js';
import type { Work } from './change.js';
import { ContainerLane, type ContainerRequest } from './container-lane.js';
import type { ContainerChange } from './container-plan.js';
import type { DesiredState } from './desired-state.js';
import type { Enforcement } from './enforcement.js';
import type { LiveImage } from './images.js';
import { KnownContainers } from './known-containers.js';
import type { Preparation } from './preparation.js';
import type { IsKept } from './published-state.js';
import { Revisions } from './revisions.js';
import type { LeftOut } from './rule-sets.js';
import { Serial } from './serial.js';

/** Where the state is written down. One that cannot be damaged has no `damage`. */
export type LedgerStore = Pick<Store, 'commit'> & Partial<Pick<Store, 'damage' | 'problem'>>;

export interface Outcome<Result> {
  readonly result: Result;
  /** Of the state that holds now. */
  readonly revision: number;
}

/** What is to be written down, and how it becomes the state. */
export interface Step {
  /** The images that decide after it. */
  readonly images: Iterable<LiveImage>;
  readonly stored: StoreChanges;
  readonly adopt: () => Promise<Adopted>;
}

/** A step that was written down. */
export interface Written {
  readonly revision: number;
  /** Resolves once the kernel has it. @throws Failure internal */
  readonly published: Promise<void>;
}

/** How long to wait before asking the kernel again for a change it rejected. */
const RETRY_MILLISECONDS = 1000;
/** How often a change catches up with containers that came meanwhile before everything else has to wait for it. */
const CATCH_UPS = 3;

/**
 * The daemon's one writer. A change is checked and compiled whole, then written to disk, then published to the kernel,
 * then answered. Changes of policies are made one after the other. Changes of containers have a queue of their own,
 * since a container's start waits for one; both are written, and become the state, one at a time, containers first.
 * Revisions count what was written.
 */
export class Ledger {
  readonly #enforcement: Enforcement;
  readonly #policyChanges = new Serial();
  readonly #steps = new Serial();
  readonly #containers: KnownContainers;
  readonly #lane: ContainerLane;
  readonly #revisions: Revisions;
  #desired: DesiredState;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    enforcement: Enforcement,
    readonly store: LedgerStore,
    initial: { readonly desired: DesiredState; readonly revision: number },
    /** Called with the seconds a change took, from the call to the last map update. */
    readonly onApplied: (seconds: number) => void,
    /** Called after each change, also after one the kernel did not take. */
    readonly onChange: () => void,
  ) {
    this.#enforcement = enforcement;
    this.#containers = new KnownContainers(initial.desired.containers.values());
    this.#desired = { ...initial.desired, containers: this.#containers.byId };
    this.#revisions = new Revisions(initial.revision);
    enforcement.decideBy(this.#desired);
    this.#lane = new ContainerLane(this.#containers, enforcement, (batch) => this.#writeBatch(batch));
  }

  get desired(): DesiredState {
    return this.#desired;
  }

  /** Of the last change that was written down. */
  get revision(): number {
    return this.#revisions.written;
  }

  /** The one the kernel holds. */
  get enforcedRevision(): number {
    return this.#revisions.enforced;
  }

  /**
   * Brings the kernel into agreement with what was loaded from disk.
   *
   * @param gone ids of containers on disk that are no more
   * @param isKept whether what the kernel holds for containers that are not known stays, by their namespaces
   */
  start(ended: readonly string[], isKept?: IsKept): Promise<void> {
    return this.#policyChanges.run(async () => {
      const began = performance.now();
      const preparation = await this.#enforcement.prepare(this.#desired, () => true);
      await this.#carryOut(
        preparation,
        0,
        () => ({
          stored: { deleteContainers: ended },
          adopt: () => this.#enforcement.adopt(preparation, true, isKept),
        }),
        began,
      );
    });
  }

  /** Resolves once the changes under way are complete; no retry follows. */
  async stop(): Promise<void> {
    clearTimeout(this.#retry);
    await Promise.all([this.#policyChanges.run(async () => undefined), this.#lane.idle()]);
    clearTimeout(this.#retry);
  }

  /** Makes a change of anything but containers. @throws Failure unavailable while the stored state is damaged */
  change<Result>(work: Work<Result>): Promise<Outcome<Result>> {
    return this.#policyChanges.run(async () => {
      const began = performance.now();
      const change = await this.#withOutcomeKnown(async () => work(this.#desired));
      if (change.next === undefined) {
        // What is missing of a damaged state may still be in force, so nothing is known to be as asked.
        if (this.#isDamaged) throw this.store.problem;
        return { result: change.result, revision: this.revision };
      }
      const { desired, affected, check, isWhole = false } = change.next;
      const preparation = await this.#enforcement.prepare(desired, affected);
      let result: Result;
      const revision = await this.#carryOut(
        preparation,
        1,
        async (now) => {
          const made = await change.make({ revision: now, leftOut: preparation.leftOut });
          const adopt = () => {
            this.#desired = { ...made.desired, containers: this.#containers.byId };
            return this.#enforcement.adopt(preparation, isWhole, isWhole ? whereProcessesLive() : undefined);
          };
          result = made.result;
          return { stored: made.stored, adopt };
        },
        began,
        check,
      );
      return { result: result!, revision };
    });
  }

  /** Changes containers; see ContainerLane. */
  changeContainers(request: ContainerRequest): Promise<Outcome<ContainerChange[]>> {
    return this.#withOutcomeKnown(() => this.#lane.submit(request));
  }

  /** The failure for something that is not there; while the stored state is damaged this cannot be known. */
  notFound(what: string): Failure {
    return this.#truly(new Failure('not-found', `no ${what}`));
  }

  /** Resolves with the revision the kernel holds once it is not older; undefined when given up before. */
  whenEnforced(revision: number, givenUp: AbortSignal): Promise<number | undefined> {
    return this.#revisions.whenEnforced(revision, givenUp);
  }

  containerAt(namespaces: NamespacePair): Container | undefined {
    const key = namespaceKey(namespaces);
    const { host } = this.#enforcement;
    return host !== undefined && namespaceKey(host.namespaces) === key ? host : this.#containers.at(key);
  }

  get #isDamaged(): boolean {
    return (this.store.damage ?? []).length > 0;
  }

  async #withOutcomeKnown<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#truly(error);
    }
  }

  /** An error that covers what is stored becomes the damage, where that may be why. */
  #truly<Thrown>(error: Thrown): Thrown | Failure {
    const isOfState = error instanceof Failure && (error.code === 'not-found' || error.code === 'aborted');
    return isOfState && this.#isDamaged ? (this.store.problem ?? error) : error;
  }

  /** Returns its revision. */
  async #carryOut(
    preparation: Preparation,
    increment: 0 | 1,
    step: (revision: number) => Omit<Step, 'images'> | Promise<Omit<Step, 'images'>>,
    began: number,
    check?: (leftOut: LeftOut) => Promise<void>,
  ): Promise<number> {
    let written: Written;
    try {
      for (let round = 0; round < CATCH_UPS && !preparation.isUpToDate; round++)
        await this.#enforcement.catchUp(preparation);
      await check?.(preparation.leftOut);
      written = await this.#steps.run(async () => {
        await this.#enforcement.catchUp(preparation);
        const revision = this.revision + increment;
        const images = [...preparation.claims.values()].map(({ kind }) => kind.image);
        return this.#write({ ...(await step(revision)), images }, revision);
      });
    } catch (error) {
      this.#enforcement.giveUp(preparation);
      throw error;
    }
    await this.#published(written, began);
    return written.revision;
  }

  /** Writes down a batch of container changes, before any change of policies that waits. */
  async #writeBatch(plan: () => Promise<Step | undefined>): Promise<Written> {
    const began = performance.now();
    const written = await this.#steps.runNext(async () => {
      const step = await plan();
      return step === undefined ? undefined : this.#write(step, this.revision + 1);
    });
    if (written === undefined) return { revision: this.revision, published: Promise.resolve() };
    return { revision: written.revision, published: this.#published(written, began) };
  }

  async #write({ images, stored, adopt }: Step, revision: number): Promise<Written> {
    const changes = this.#enforcement.images.changesFor(images);
    await this.store.commit({
      ...stored,
      deleteImageRecords: changes.retired,
      putImageRecords: changes.added.map(({ kernelImage, rules }) => ({ imageId: kernelImage.imageId, rules })),
      lastImage: changes.lastImage,
      revision,
    });
    this.#enforcement.images.written(changes);
    this.#revisions.begin(revision);
    const { published } = await adopt();
    // It is waited for outside: the next step may be written meanwhile.
    published.catch(() => undefined);
    return { revision, published };
  }

  async #published({ revision, published }: Written, began: number): Promise<void> {
    try {
      await published;
      this.onApplied((performance.now() - began) / 1000);
    } finally {
      this.#revisions.end(revision, this.#enforcement.divergence === undefined);
      if (this.#enforcement.divergence !== undefined) this.#retryLater();
      this.onChange();
    }
  }

  /**
   * Publishes containers again that somebody else has taken out of the kernel's map; it is retried until it succeeds.
   */
  async publishAgain(keys: readonly string[]): Promise<void> {
    try {
      await this.#enforcement.publishAgain(keys);
    } catch {
      this.#retryLater();
    } finally {
      this.onChange();
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#heal(), RETRY_MILLISECONDS);
  }

  async #heal(): Promise<void> {
    try {
      await this.#enforcement.heal();
      this.#revisions.settle();
    } catch {
      // It is reported by onChange, and the next retry follows.
      this.#retryLater();
    } finally {
      this.onChange();
    }
  }
}
