import type { Container } from '../containers/container.js';
import type { Claim, Kinds } from './container-kinds.js';
import type { LeftOut } from './rule-sets.js';

/** A change of policies that is being compiled, while containers come and go. */
export class Preparation {
  /** What is to decide for the containers whose rules change, by id. */
  readonly claims = new Map<string, Claim>();
  /** Ids of containers that came, went or changed since they were looked at. */
  readonly #touched = new Set<string>();

  constructor(
    readonly kinds: Kinds,
    readonly affected: (container: Container) => boolean,
    readonly giveBack: (claim: Claim) => void,
  ) {}

  get isUpToDate(): boolean {
    return this.#touched.size === 0;
  }

  /** Of the containers whose rules change. */
  get leftOut(): LeftOut {
    return new Map(
      [...this.claims]
        .filter(([, { kind }]) => kind.leftOut.length > 0)
        .map(([id, { kind }]) => [id, kind.leftOut] as const),
    );
  }

  touch(id: string): void {
    this.#touched.add(id);
  }

  async claim(container: Container): Promise<void> {
    const claim = await this.kinds.claim(container);
    this.#drop(container.id);
    this.claims.set(container.id, claim);
  }

  /** Looks at the containers that were touched as they are now. */
  async catchUp(containerOf: (id: string) => Container | undefined): Promise<void> {
    for (const id of this.#touched) {
      this.#touched.delete(id);
      const container = containerOf(id);
      if (container === undefined || !this.affected(container)) this.#drop(id);
      else await this.claim(container);
    }
  }

  giveUp(): void {
    for (const claim of this.claims.values()) this.giveBack(claim);
    this.claims.clear();
  }

  #drop(id: string): void {
    const claim = this.claims.get(id);
    if (claim !== undefined) this.giveBack(claim);
    this.claims.delete(id);
  }
}
