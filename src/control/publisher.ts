import type { NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { Failure } from '../failure.js';
import type { Enforcer, PublishedContainer } from '../kernel/enforcer.js';

/** What is to be changed in the kernel's map of containers. */
export interface Publication {
  readonly entries: readonly PublishedContainer[];
  readonly removed: readonly NamespacePair[];
}

/**
 * Brings changes into the kernel's map of containers. Several may be under way at once, since a large one can take
 * seconds, but of those that touch the same container each begins once the one before it is over: the last decision is
 * the one that stays.
 */
export class Publisher {
  /** By namespaces: resolves when the last published change has ended, also if it failed. */
  readonly #last = new Map<string, Promise<void>>();
  /** Entries for which the kernel may hold something else than was published. */
  readonly #unsettled = new Set<string>();
  #problem: string | undefined;

  constructor(readonly kernel: Pick<Enforcer, 'publish' | 'markTasksInside' | 'removeContainers'>) {}

  /** Why the kernel may not hold what was published; undefined while it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Namespaces for which the kernel may hold something else than was published. */
  get unsettled(): ReadonlySet<string> {
    return this.#unsettled;
  }

  /**
   * @param onVisible called for each new container as soon as the kernel decides by its image
   * @param prepare what is to be done right before
   * @throws Failure internal when the kernel refuses
   */
  publish(
    { entries, removed }: Publication,
    onVisible?: (container: NamespacePair) => void,
    prepare?: () => Promise<void>,
  ): Promise<void> {
    const keys = [...entries.map(({ container }) => container), ...removed].map(namespaceKey);
    if (keys.length === 0) return Promise.resolve();
    const before = keys.flatMap((key) => this.#last.get(key) ?? []);
    const make = async () => {
      if (prepare !== undefined) await prepare();
      if (entries.length > 0) {
        await this.kernel.publish(entries, onVisible);
        await this.kernel.markTasksInside();
      }
      if (removed.length > 0) await this.kernel.removeContainers(removed);
    };
    const made = before.length === 0 ? make() : Promise.all(before).then(make);
    const settled = made.then(
      () => this.#succeeded(keys),
      (error: unknown) => {
        throw this.doubt(keys, error);
      },
    );
    const over: Promise<void> = settled.then(
      () => this.#forget(keys, over),
      () => this.#forget(keys, over),
    );
    for (const key of keys) this.#last.set(key, over);
    return settled;
  }

  /** Whether a change in these namespaces is not over, or the kernel is to be asked for it again. */
  isUnderWay(key: string): boolean {
    return this.#last.has(key) || this.#unsettled.has(key);
  }

  /** Resolves once the kernel holds what was published. @throws Failure internal when it has refused to */
  async settled(key: string): Promise<void> {
    await this.#last.get(key);
    if (this.#unsettled.has(key)) throw new Failure('internal', this.#problem!);
  }

  /** What the kernel holds in these namespaces is not known after an error; returns the failure to report it. */
  doubt(keys: Iterable<string>, error: unknown): Failure {
    if (error instanceof Failure) return error;
    for (const key of keys) this.#unsettled.add(key);
    const problem = `the kernel did not take the last change: ${(error as Error).message}`;
    if (this.#unsettled.size > 0) this.#problem = problem;
    return new Failure('internal', problem, [], { cause: error });
  }

  #succeeded(keys: readonly string[]): void {
    for (const key of keys) this.#unsettled.delete(key);
    if (this.#unsettled.size === 0) this.#problem = undefined;
  }

  #forget(keys: readonly string[], over: Promise<void>): void {
    for (const key of keys) if (this.#last.get(key) === over) this.#last.delete(key);
  }
}
