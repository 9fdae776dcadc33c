import type { Container } from '../containers/container.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { LiveImage } from './images.js';
import { type Decisions, likenessOf } from './resolution.js';

/** Containers that are decided alike, because they are alike in all that matters. */
export interface Kind {
  /** Equal for containers that are alike, under the same policies. */
  readonly likeness: string;
  readonly image: LiveImage;
  /** What is in force. */
  readonly ruleSet: RuleSet;
  /** Keys of the policies that reach these containers and are not in force: see Fitting. */
  readonly leftOut: readonly string[];
}

/** A container with what is to decide for it; the kind is held until it is released. */
export interface Claim {
  readonly container: Container;
  readonly kind: Kind;
  /** Where the kind was looked up. */
  readonly kinds: Kinds;
}

export type KindOf = Pick<Kind, 'image' | 'ruleSet' | 'leftOut'>;

/** The kinds of containers under one set of policies. Each is worked out once, for the first container of it. */
export class Kinds {
  readonly #byLikeness = new Map<string, Kind>();
  readonly #making = new Map<string, Promise<void>>();

  /** @param make works out what decides for a container; the image is held for its kind */
  constructor(
    readonly decisions: Decisions,
    readonly uses: KindUses,
    readonly make: (container: Container, decisions: Decisions) => Promise<KindOf>,
  ) {}

  /** The container's kind, held until it is released. */
  async claim(container: Container): Promise<Claim> {
    const likeness = likenessOf(container, this.decisions);
    for (;;) {
      const kind = this.#byLikeness.get(likeness);
      if (kind !== undefined) {
        this.uses.hold(kind);
        return { container, kind, kinds: this };
      }
      await this.#made(likeness, container);
    }
  }

  has(kind: Kind): boolean {
    return this.#byLikeness.get(kind.likeness) === kind;
  }

  /** Takes a kind over that is the same under these policies. */
  keep(kind: Kind): void {
    if (!this.#byLikeness.has(kind.likeness)) this.#byLikeness.set(kind.likeness, kind);
  }

  forget(kind: Kind): void {
    if (this.has(kind)) this.#byLikeness.delete(kind.likeness);
  }

  /** What several ask for at once is worked out once. */
  #made(likeness: string, container: Container): Promise<void> {
    const make = async () => {
      const kind = { likeness, ...(await this.make(container, this.decisions)) };
      this.uses.add(kind);
      this.#byLikeness.set(likeness, kind);
    };
    const making = this.#making.get(likeness) ?? make().finally(() => this.#making.delete(likeness));
    this.#making.set(likeness, making);
    return making;
  }
}

/** This many kinds without a container at present are kept. */
const IDLE_MAX = 16;

/**
 * Counts who holds a kind. Some that are no longer held are kept: where one short-lived container follows another, the
 * next one need not wait until its policies are compiled again.
 */
export class KindUses {
  readonly #uses = new Map<Kind, number>();
  /** The one that was left first stands first. */
  readonly #idle = new Set<Kind>();

  /**
   * @param mayBeIdle whether a kind is useful and harmless while nobody holds it
   * @param onUnused called when it is not kept any more
   */
  constructor(
    readonly mayBeIdle: (kind: Kind) => boolean,
    readonly onUnused: (kind: Kind) => void,
  ) {}

  add(kind: Kind): void {
    this.#uses.set(kind, 0);
  }

  hold(kind: Kind): void {
    this.#idle.delete(kind);
    this.#uses.set(kind, this.#uses.get(kind)! + 1);
  }

  release(kind: Kind): void {
    const uses = this.#uses.get(kind)! - 1;
    this.#uses.set(kind, uses);
    if (uses > 0) return;
    this.#idle.add(kind);
    if (!this.mayBeIdle(kind)) this.#drop(kind);
    else if (this.#idle.size > IDLE_MAX) this.#drop(this.#idle.values().next().value!);
  }

  /** Drops all that nobody holds. */
  dropIdle(): void {
    for (const kind of this.#idle) this.#drop(kind);
  }

  #drop(kind: Kind): void {
    this.#idle.delete(kind);
    this.#uses.delete(kind);
    this.onUnused(kind);
  }
}
