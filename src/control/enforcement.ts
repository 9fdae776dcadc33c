import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import type { Limits } from '../image/limits.js';
import type { Enforcer, PublishedContainer } from '../kernel/enforcer.js';
import type { RuleSet } from '../policy/rule-set.js';
import { inTimeSlices } from '../time-slices.js';
import { type Adopted, adoptInPieces } from './adoption.js';
import { type Assignment, Assignments, identityOf, type Published } from './assignments.js';
import { type Claim, type Kind, type KindOf, Kinds, KindUses } from './container-kinds.js';
import { type DesiredState, NOTHING_DESIRED } from './desired-state.js';
import type { Findings } from './findings.js';
import type { HolderSearch } from './holder-search.js';
import type { HostSubject } from './host-subject.js';
import { LiveImages } from './images.js';
import { Preparation } from './preparation.js';
import { type IsKept, PublishedState } from './published-state.js';
import { type Decisions, type ResolutionSettings, subjectsOf } from './resolution.js';
import { type LeftOut, RuleSets } from './rule-sets.js';

type EnforcingKernel = Pick<
  Enforcer,
  | 'compile'
  | 'fits'
  | 'releaseImage'
  | 'publish'
  | 'markTasksInside'
  | 'removeContainers'
  | 'containers'
  | 'enforceHost'
  | 'observeCalls'
  | 'readAnswers'
>;

/**
 * Keeps the kernel's maps in agreement with a desired state. What takes time, to compile and to publish, may continue for
 * several changes at once; `adopt…` makes a change the one in force, and is called for one after the other.
 */
export class Enforcement {
  readonly images: LiveImages;
  readonly rules: RuleSets;
  readonly #assignments = new Assignments();
  readonly #state: PublishedState;
  readonly #uses = new KindUses(
    // Seeing system calls slows down every one of the machine, reading answers every packet.
    (kind) => this.#kinds.has(kind) && !kind.image.observesCalls && !kind.image.readsAnswers,
    (kind) => this.#dropKind(kind),
  );
  readonly #preparations = new Set<Preparation>();
  #kinds: Kinds;

  /**
   * @param earlier the images of an earlier daemon: image id to what its rule numbers mean
   * @param limits of each image, where they are not to be the usual ones
   */
  constructor(
    readonly kernel: EnforcingKernel,
    settings: ResolutionSettings,
    earlier: ReadonlyMap<number, readonly RuleDescription[]>,
    lastImageId: number,
    readonly hostSubject: Pick<HostSubject, 'current'>,
    limits: Partial<Limits> = {},
  ) {
    this.images = new LiveImages(kernel, earlier, lastImageId, limits);
    this.rules = new RuleSets(this.images, settings, hostSubject);
    this.#state = new PublishedState(kernel, this.#assignments, this.#uses, this.images, () => this.host);
    this.#kinds = this.#kindsUnder(NOTHING_DESIRED);
  }

  /** Why the kernel's maps may not agree with the desired state; undefined while they do. */
  get divergence(): string | undefined {
    return this.#state.divergence;
  }

  /** Finds what a change refuses and processes hold; set once, before the first change. */
  get holders(): HolderSearch | undefined {
    return this.#state.holders;
  }

  set holders(search: HolderSearch | undefined) {
    this.#state.holders = search;
  }

  /** Left out: policies for the host are kept but not enforced. */
  get host(): Container | undefined {
    return this.hostSubject.current;
  }

  get imageCount(): number {
    return this.images.count;
  }

  /** Of all containers that policies are left out of. */
  get leftOut(): LeftOut {
    return this.#assignments.leftOut;
  }

  /** What processes of a container that was changed hold from before. */
  findingsOf(containerId: string): Findings | undefined {
    const container = this.#assignments.get(containerId)?.container;
    return container && this.holders?.findings(namespaceKey(container.namespaces));
  }

  ruleOf(imageId: number, rule: number): RuleDescription | undefined {
    return this.images.ruleOf(imageId, rule);
  }

  /** What decides for a container now. */
  kindOf(containerId: string): Kind | undefined {
    return this.#assignments.get(containerId)?.kind;
  }

  ruleSetInForce(containerId: string): RuleSet | undefined {
    return this.kindOf(containerId)?.ruleSet;
  }

  /** Of the image that the kernel decides by for a container. */
  imageIdOf(containerId: string): number | undefined {
    return this.kindOf(containerId)?.image.kernelImage.imageId;
  }

  /** Under which policies containers are taken in. To be called once, before the first is. */
  decideBy(decisions: Decisions): void {
    this.#kinds = this.#kindsUnder(decisions);
  }

  /** Compiles what is to decide for a container under the policies in force. To be adopted or given back. */
  claim(container: Container): Promise<Claim> {
    return this.#kinds.claim(container);
  }

  /** Whether no change of policies has been adopted since the claim was made. */
  isCurrent({ kinds }: Claim): boolean {
    return kinds === this.#kinds;
  }

  giveBack({ kind }: Claim): void {
    this.#uses.release(kind);
  }

  /**
   * Lets containers be decided by what was claimed for them, and others go. The claims are still to be given back.
   * Resolves once the kernel has all of it.
   */
  adoptContainers(
    claims: Iterable<Claim>,
    removed: Iterable<Container>,
    onVisible?: (container: NamespacePair) => void,
  ): Promise<void> {
    const replaced: Assignment[] = [];
    for (const { id } of removed) replaced.push(...this.#leave(id));
    return this.#adopt(claims, replaced, false, onVisible);
  }

  /**
   * Compiles all that a change of policies needs. Containers may come and go until it is adopted or given up; `catchUp`
   * takes account of them.
   *
   * @param affected which containers' rules may change; the others keep what they have
   * @throws Failure and then nothing has changed
   */
  async prepare(desired: DesiredState, affected: (container: Container) => boolean): Promise<Preparation> {
    const preparation = new Preparation(this.#kindsUnder(desired), affected, (claim) => this.giveBack(claim));
    this.#preparations.add(preparation);
    try {
      for await (const container of inTimeSlices(subjectsOf(desired, this.host))) {
        if (this.#assignments.get(container.id) === undefined || affected(container))
          await preparation.claim(container);
      }
    } catch (error) {
      this.giveUp(preparation);
      throw error;
    }
    return preparation;
  }

  /** Compiles what containers that came or changed since need. */
  async catchUp(preparation: Preparation): Promise<void> {
    try {
      await preparation.catchUp((id) => this.#assignments.get(id)?.container);
    } catch (error) {
      this.giveUp(preparation);
      throw error;
    }
  }

  giveUp(preparation: Preparation): void {
    this.#preparations.delete(preparation);
    preparation.giveUp();
  }

  /**
   * Decides by the policies that were prepared. Resolves once all containers are on their way.
   *
   * @param isWhole whether what the kernel holds for containers that are not known goes, but for what is kept
   */
  async adopt(preparation: Preparation, isWhole: boolean, isKept: IsKept = () => false): Promise<Adopted> {
    this.#preparations.delete(preparation);
    this.#kinds = preparation.kinds;
    const { host } = this;
    const leavesHost = host !== undefined && this.#kinds.decisions.policies.reaching(host).length === 0;
    const replaced = leavesHost ? this.#leave(host.id) : [];
    // What an earlier daemon had there is no longer wanted.
    if (isWhole && (host === undefined || leavesHost)) this.kernel.enforceHost(false);
    const left = replaced.length === 0 ? Promise.resolve() : this.#adopt([], replaced, true);
    left.catch(() => undefined);
    const adopted = await adoptInPieces(preparation.claims.values(), (claims) => this.#adopt(claims, [], true));
    for await (const { kind } of inTimeSlices([...this.#assignments.values()])) this.#kinds.keep(kind);
    preparation.giveUp();
    this.#uses.dropIdle();
    const published = async () => {
      await Promise.all([left, adopted.published]);
      if (isWhole) await this.#state.removeOthers(isKept);
    };
    return { published: published() };
  }

  /** See PublishedState. */
  published(): Generator<Published> {
    return this.#state.published();
  }

  /** See PublishedState. */
  isPublished(id: string, entry: PublishedContainer): boolean {
    return this.#state.isPublished(id, entry);
  }

  /** Publishes again what somebody else has taken away. */
  async publishAgain(keys: readonly string[]): Promise<void> {
    await this.#state.publish(keys, []);
  }

  /** Asks the kernel again for what it has refused. */
  heal(): Promise<void> {
    return this.#state.heal();
  }

  /** Resolves once the kernel decides as it should in these namespaces. @throws Failure internal */
  settled(keys: readonly string[]): Promise<void> {
    return this.#state.settled(keys);
  }

  #kindsUnder(decisions: Decisions): Kinds {
    return new Kinds(decisions, this.#uses, async (container): Promise<KindOf> => {
      const { made, ruleSet, leftOut } = await this.rules.fit(container, decisions, (all) => this.images.obtain(all));
      return { image: made, ruleSet, leftOut };
    });
  }

  #dropKind(kind: Kind): void {
    this.#kinds.forget(kind);
    for (const { kinds } of this.#preparations) kinds.forget(kind);
    this.images.release(kind.image);
  }

  #leave(id: string): Assignment[] {
    for (const preparation of this.#preparations) preparation.touch(id);
    const before = this.#assignments.delete(id);
    return before === undefined ? [] : [before];
  }

  /** @param waitsForHolders whether it resolves once what was found of holders is refused, and not before */
  #adopt(
    claims: Iterable<Claim>,
    replaced: Assignment[],
    waitsForHolders: boolean,
    onVisible?: (container: NamespacePair) => void,
  ): Promise<void> {
    const keys = new Set(replaced.map(({ container }) => namespaceKey(container.namespaces)));
    for (const { container, kind } of claims) {
      for (const preparation of this.#preparations) preparation.touch(container.id);
      this.#uses.hold(kind);
      const before = this.#assignments.set({ container, kind });
      if (before !== undefined) replaced.push(before);
      // A change of policies leaves the containers as they are.
      const isItself = before?.container === container;
      const isSameKey = isItself || (before !== undefined && identityOf(before.container) === identityOf(container));
      if (isSameKey && before?.kind.image === kind.image) continue;
      keys.add(namespaceKey(container.namespaces));
      if (before !== undefined && !isItself) keys.add(namespaceKey(before.container.namespaces));
    }
    const changed = [...keys].flatMap((key) => this.#assignments.at(key) ?? []);
    const search = this.holders?.begin(changed);
    const published = this.#state.publish(
      [...keys],
      replaced.map(({ kind }) => kind),
      onVisible,
      search?.before,
    );
    if (search === undefined) return published;
    const searched = published.then(search.after);
    searched.catch(() => undefined);
    return waitsForHolders ? searched : published;
  }
}
