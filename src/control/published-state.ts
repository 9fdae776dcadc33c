import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey, namespacesIn } from '../containers/container.js';
import type { Enforcer, PublishedContainer } from '../kernel/enforcer.js';
import { type Assignments, entryOf, type Published } from './assignments.js';
import type { Kind, KindUses } from './container-kinds.js';
import type { HolderSearch } from './holder-search.js';
import type { LiveImages } from './images.js';
import { Publisher } from './publisher.js';

/** Whether what the kernel holds for a container that is not known stays, by its namespaces. */
export type IsKept = (namespaceKey: string) => boolean;

type PublishingKernel = Pick<
  Enforcer,
  'publish' | 'markTasksInside' | 'removeContainers' | 'containers' | 'enforceHost' | 'observeCalls' | 'readAnswers'
>;

/** Brings what the kernel holds into agreement with what is assigned, and knows where the two may differ. */
export class PublishedState {
  readonly #publisher: Publisher;
  /** Told about containers that are no longer known. */
  holders: HolderSearch | undefined;

  constructor(
    readonly kernel: PublishingKernel,
    readonly assignments: Assignments,
    readonly uses: KindUses,
    readonly images: LiveImages,
    readonly hostOf: () => Container | undefined,
  ) {
    this.#publisher = new Publisher(kernel);
  }

  /** Why the kernel may not hold what is assigned; undefined while it does. */
  get divergence(): string | undefined {
    return this.#publisher.problem;
  }

  /** What the kernel should hold, except for what is being changed. A container may change before it is reached. */
  *published(): Generator<Published> {
    for (const assignment of this.assignments.values()) {
      const key = namespaceKey(assignment.container.namespaces);
      if (this.#publisher.isUnderWay(key) || this.assignments.at(key) !== assignment) continue;
      yield { id: assignment.container.id, key, entry: entryOf(assignment) };
    }
  }

  /** Whether the kernel should still hold this for the container. */
  isPublished(id: string, { container, image }: PublishedContainer): boolean {
    const assignment = this.assignments.get(id);
    const key = namespaceKey(container);
    if (assignment === undefined || this.#publisher.isUnderWay(key)) return false;
    return this.assignments.at(key) === assignment && assignment.kind.image.kernelImage === image;
  }

  /** Asks the kernel again for what it has refused. */
  async heal(): Promise<void> {
    const keys = [...this.#publisher.unsettled];
    await this.publish(keys, []);
  }

  /** Resolves once the kernel decides as it should in these namespaces. @throws Failure internal */
  async settled(keys: readonly string[]): Promise<void> {
    const underWay = keys.filter((key) => this.#publisher.isUnderWay(key));
    await Promise.allSettled(underWay.map((key) => this.#publisher.settled(key)));
    const again = underWay.filter((key) => this.#publisher.unsettled.has(key));
    if (again.length > 0) await this.publish(again, []);
  }

  /**
   * Lets the kernel decide in these namespaces as the assignments say.
   *
   * @param replaced kinds that are released once that is so
   */
  async publish(
    keys: readonly string[],
    replaced: readonly Kind[],
    onVisible?: (container: NamespacePair) => void,
    prepare?: () => Promise<void>,
  ): Promise<void> {
    const assigned = keys.flatMap((key) => this.assignments.at(key) ?? []);
    const removed = keys.filter((key) => this.assignments.at(key) === undefined).map(namespacesIn);
    for (const namespaces of removed) this.holders?.forget(namespaces);
    const host = this.hostOf();
    const hasHost = host !== undefined && this.assignments.get(host.id) !== undefined;
    const isAboutHost = host !== undefined && keys.includes(namespaceKey(host.namespaces));
    // Until the kernel has taken them, also when others take their place meanwhile.
    for (const { kind } of assigned) this.uses.hold(kind);
    try {
      if (this.images.observesCalls) this.kernel.observeCalls(true);
      if (isAboutHost && !hasHost) this.kernel.enforceHost(false);
      await this.#publisher.publish({ entries: assigned.map(entryOf), removed }, onVisible, prepare);
      if (isAboutHost && hasHost) this.kernel.enforceHost(true);
    } catch (error) {
      throw this.#publisher.doubt(keys, error);
    } finally {
      for (const kind of [...replaced, ...assigned.map(({ kind: held }) => held)]) this.uses.release(kind);
      if (this.divergence === undefined) {
        if (!this.images.observesCalls) this.kernel.observeCalls(false);
        if (!this.images.readsAnswers) await this.kernel.readAnswers(false);
      }
    }
  }

  /** Removes what the kernel holds without an assignment. */
  async removeOthers(isKept: IsKept): Promise<void> {
    const others = this.kernel.containers().map(namespaceKey);
    await this.publish(
      others.filter((key) => this.assignments.at(key) === undefined && !isKept(key)),
      [],
    );
  }
}
