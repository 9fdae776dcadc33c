export type MessageLevel = 'INFO' | 'WARN' | 'ERROR';

export interface FeedMessage {
  readonly level: MessageLevel;
  readonly text: string;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

/** Messages of the daemon about itself, for clients that listen at the time. */
export class MessageFeed {
  readonly #listeners = new Set<(message: FeedMessage) => void>();

  publish(level: MessageLevel, text: string): void {
    const message = { level, text, time: Date.now() };
    for (const listener of this.#listeners) listener(message);
  }

  /** @returns ends it */
  follow(listener: (message: FeedMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }
}
