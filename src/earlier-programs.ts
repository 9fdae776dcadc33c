import type { Enforcer } from './kernel/enforcer.js';

interface Logger {
  warn(fields: object, message: string): void;
}

/** Removes what an earlier build's daemon left in the kernel and this one has replaced. */
export class EarlierPrograms {
  readonly #stopping = new AbortController();
  #removed = Promise.resolve();

  constructor(
    readonly kernel: Pick<Enforcer, 'removeReplaced'>,
    readonly logger: Logger,
  ) {}

  /** Begins to remove them; nothing waits for it. */
  remove(): void {
    this.#removed = this.kernel
      .removeReplaced(this.#stopping.signal)
      .catch((err: unknown) => this.logger.warn({ err }, 'cannot remove the programs of an earlier build'));
  }

  /** Gives the rest up; resolves when nothing is removed any more. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#removed;
  }
}
