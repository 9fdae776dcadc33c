import type { Container } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import { Reviewer } from '../explain/review.js';
import { Failure } from '../failure.js';
import type { Kernel } from '../kernel/kernel.js';
import { append } from '../policy/append.js';
import { followLinks } from '../policy/links.js';
import { type BoundRule, type Policy, type Postures, policyKey } from '../policy/model.js';
import { type RuleSet, resolveRules } from '../policy/rule-set.js';
import { runningProfileOf } from '../profile/profile.js';
import type { DesiredState } from './desired-state.js';
import { type LiveImage, LiveImages } from './images.js';
import { inTurns } from './turns.js';

/** What a change needs to have written down before it takes effect. */
export interface ImageChanges {
  readonly added: readonly LiveImage[];
  /** Ids of images that were replaced earlier; their events have been read. */
  readonly retired: readonly number[];
  /** The highest image id ever used. */
  readonly lastImage: number;
}

/** Which image decides for a container. */
interface Assignment {
  readonly container: Container;
  readonly image: LiveImage;
}

/** Keeps the kernel's maps in agreement with a desired state. Not safe for concurrent changes: see Serial. */
export class Enforcement {
  readonly #images: LiveImages;
  #assigned: ReadonlyMap<string, Assignment> = new Map();
  #divergence: string | undefined;
  #retired: number[];

  /** @param earlier the images of an earlier daemon: image id to what its rule numbers mean */
  constructor(
    readonly kernel: Pick<
      Kernel,
      | 'createImage'
      | 'releaseImage'
      | 'publish'
      | 'markTasksInside'
      | 'removeContainer'
      | 'containers'
      | 'enforceHost'
      | 'observeCalls'
    >,
    readonly postures: Postures,
    earlier: ReadonlyMap<number, readonly RuleDescription[]>,
    lastImageId: number,
    /** Left out: policies for the host are kept but not enforced. */
    readonly host: Container | undefined,
  ) {
    this.#images = new LiveImages(kernel, earlier, lastImageId);
    this.#retired = [...earlier.keys()];
  }

  /** Why the kernel's maps may not agree with the desired state; undefined while they do. */
  get divergence(): string | undefined {
    return this.#divergence;
  }

  get imageCount(): number {
    return this.#images.count;
  }

  ruleOf(imageId: number, rule: number): RuleDescription | undefined {
    return this.#images.ruleOf(imageId, rule);
  }

  imageOf(containerId: string): LiveImage | undefined {
    return this.#assigned.get(containerId)?.image;
  }

  /**
   * Makes the kernel decide as `desired` says. Everything that can fail on account of the input is done first: when it
   * throws a Failure, nothing has changed.
   *
   * @param affected decides which containers' rules may have changed; the others keep their image
   * @param record writes the change down; called once the images are complete and before the first takes effect
   */
  async change(
    desired: DesiredState,
    affected: (container: Container) => boolean,
    record: (changes: ImageChanges) => Promise<void>,
  ): Promise<void> {
    const fresh = new Map<string, LiveImage>();
    const next = new Map<string, Assignment>();
    try {
      const isAffected = (container: Container) => !this.#assigned.has(container.id) || affected(container);
      for await (const { likes, ruleSet } of this.#kinds(desired, isAffected)) {
        const image = await this.#images.obtain(ruleSet, fresh);
        for (const container of likes) next.set(container.id, { container, image });
      }
      for (const container of this.subjects(desired)) {
        const { id } = container;
        if (!next.has(id)) next.set(id, { container, image: this.#assigned.get(id)!.image });
      }
      await record({
        added: [...fresh.values()],
        retired: this.#retired,
        lastImage: this.#images.lastImageId,
      });
    } catch (error) {
      this.#images.abandon(fresh);
      throw error;
    }
    const released = this.#images.settle([...next.values()].map(({ image }) => image));
    this.#retired = released.map(({ kernelImage }) => kernelImage.imageId);
    await this.#publish(next);
  }

  /** The rules that decide for a container, links of its root followed. */
  ruleSetFor(
    container: Pick<Container, 'namespace' | 'labels' | 'links' | 'isHost'> & Partial<Pick<Container, 'id'>>,
    { policies, postures, profiles }: Pick<DesiredState, 'policies' | 'postures' | 'profiles'>,
  ): RuleSet {
    const rules = followLinks(policies.boundRulesFor(container), container.links);
    const ruleSet = resolveRules(rules, { ...this.postures, ...postures.get(container.namespace) });
    return runningProfileOf(container, profiles) === undefined ? ruleSet : { ...ruleSet, profiled: true };
  }

  /** Tells what the authors of policies should know of their rules among all of a rule set. */
  async reviewerOf(ruleSet: RuleSet, postures: Postures): Promise<Reviewer> {
    const decided = await this.#images.decidedRules(ruleSet);
    // Of a rule that links have doubled, one twin is enough.
    const deciding = new Set([...decided].map((number) => keyOfRule(ruleSet.rules[number])));
    return new Reviewer(ruleSet.rules, postures, (bound) => deciding.has(keyOfRule(bound)));
  }

  /** Compiles what `change` would compile. @throws Failure where that fails */
  async dryRun(desired: DesiredState, affected: (container: Container) => boolean): Promise<void> {
    for await (const { ruleSet } of this.#kinds(desired, affected)) await this.#images.dryRun(ruleSet);
  }

  /** Every container and, if a policy reaches it, the host. */
  *subjects({ containers, policies }: Pick<DesiredState, 'containers' | 'policies'>): Generator<Container> {
    yield* containers.values();
    if (this.host !== undefined && policies.reaching(this.host).length > 0) yield this.host;
  }

  /** The rule sets of these containers. Containers that are alike in all that matters are looked at once. */
  async *#kinds(desired: DesiredState, isAsked: (container: Container) => boolean) {
    const kinds = new Map<string, Container[]>();
    for await (const container of inTurns(this.subjects(desired))) {
      if (!isAsked(container)) continue;
      const reaching = desired.policies.reaching(container).map(policyKey);
      const profiled = runningProfileOf(container, desired.profiles) !== undefined;
      const likeness = JSON.stringify([
        container.namespace,
        reaching,
        profiled,
        Object.entries(container.links).sort(),
      ]);
      append(kinds, likeness, container);
    }
    for await (const likes of inTurns(kinds.values())) yield { likes, ruleSet: this.ruleSetFor(likes[0]!, desired) };
  }

  /** Compiles one policy by itself, so that what no container can have is refused before one asks for it. */
  dryRunPolicy(policy: Policy): Promise<void> {
    return this.#images.dryRun(
      resolveRules(
        policy.rules.map((rule) => ({ policy, rule })),
        this.postures,
      ),
    );
  }

  async #publish(next: ReadonlyMap<string, Assignment>): Promise<void> {
    const before = this.#assigned;
    const everything = this.#divergence !== undefined;
    this.#assigned = next;
    try {
      const changed = [...next].filter(([id, { container, image }]) => {
        const old = before.get(id);
        return everything || old?.image !== image || identityOf(old.container) !== identityOf(container);
      });
      const hasHost = this.host !== undefined && next.has(this.host.id);
      const observesCalls = [...next.values()].some(({ image }) => image.observesCalls);
      if (observesCalls) this.kernel.observeCalls(true);
      if (!hasHost) this.kernel.enforceHost(false);
      await this.kernel.publish(
        changed.map(([, { container, image }]) => ({
          container: container.namespaces,
          ...(container.initStartTicks !== undefined && { initStartTicks: container.initStartTicks }),
          ...(container.isFirstProcess && { firstProcess: container.process! }),
          image: image.kernelImage,
        })),
      );
      await this.kernel.markTasksInside();
      if (hasHost) this.kernel.enforceHost(true);
      this.#removeOthers(next, before, everything);
      if (!observesCalls) this.kernel.observeCalls(false);
      this.#divergence = undefined;
    } catch (error) {
      this.#divergence = `the kernel did not take the last change: ${(error as Error).message}`;
      throw new Failure('internal', this.#divergence, [], { cause: error });
    }
  }

  #removeOthers(
    next: ReadonlyMap<string, Assignment>,
    before: ReadonlyMap<string, Assignment>,
    everything: boolean,
  ): void {
    const wanted = new Set([...next.values()].map(({ container }) => namespaceKey(container.namespaces)));
    const present =
      everything || before.size === 0
        ? this.kernel.containers()
        : [...before.values()].map((old) => old.container.namespaces);
    for (const namespaces of present) {
      if (!wanted.has(namespaceKey(namespaces))) this.kernel.removeContainer(namespaces);
    }
  }
}

/** The same for as long as the kernel has to know a container by the same numbers. */
function identityOf({ namespaces, initStartTicks }: Container): string {
  return `${namespaceKey(namespaces)}:${initStartTicks}`;
}

function keyOfRule(bound: BoundRule | undefined): string {
  return bound === undefined ? '' : `${policyKey(bound.policy)} ${bound.rule.id}`;
}
