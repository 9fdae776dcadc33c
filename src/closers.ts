interface Logger {
  warn(fields: object, message: string): void;
}

/** Everything that was opened and has to be closed at the end, or if opening something later fails. */
export class Closers {
  readonly #opened: { readonly name: string; readonly close: () => unknown }[] = [];
  #closed: Promise<void> | undefined;

  constructor(readonly logger: Logger) {}

  /** @param close may return a promise; called once */
  add(name: string, close: () => unknown): void {
    this.#opened.push({ name, close });
  }

  /**
   * Closes what was opened, the last first, one after the other. A failure to close one is logged, and the others are
   * still closed. Calling it again waits for the same end.
   */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (let last = this.#opened.pop(); last !== undefined; last = this.#opened.pop()) {
      try {
        await last.close();
      } catch (err) {
        this.logger.warn({ err, part: last.name }, 'a part of the daemon cannot be closed');
      }
    }
  }
}
