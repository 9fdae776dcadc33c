/** Counts the changes that were written down, and knows which of them the kernel holds. */
export class Revisions {
  readonly #underWay = new Set<number>();
  readonly #waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  #enforced = 0;

  constructor(private last: number) {}

  /** Of the last change that was written down. */
  get written(): number {
    return this.last;
  }

  /** The kernel holds this one and all before it. */
  get enforced(): number {
    return this.#enforced;
  }

  /** A change has been written down, and is about to be published to the kernel. */
  begin(revision: number): void {
    this.last = revision;
    this.#underWay.add(revision);
  }

  /** @param isSettled whether the kernel holds everything that was published to it and that is not under way */
  end(revision: number, isSettled: boolean): void {
    this.#underWay.delete(revision);
    if (isSettled) this.settle();
  }

  /** The kernel holds everything that was published to it and that is not under way. */
  settle(): void {
    const held = this.#underWay.size === 0 ? this.last : Math.min(...this.#underWay) - 1;
    this.#enforced = Math.max(this.#enforced, held);
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.#enforced) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves with the revision the kernel holds once it is not older; undefined when given up before. */
  async whenEnforced(revision: number, givenUp: AbortSignal): Promise<number | undefined> {
    if (this.#enforced < revision) {
      await new Promise<void>((resolve) => {
        const waiter = { revision, resolve };
        this.#waiting.add(waiter);
        givenUp.addEventListener('abort', () => {
          this.#waiting.delete(waiter);
          resolve();
        });
      });
    }
    return this.#enforced < revision ? undefined : this.#enforced;
  }
}
