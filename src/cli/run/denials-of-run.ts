import { setTimeout as sleep } from 'node:timers/promises';
import { type Event, type HauberkClient, Result } from '../../client/messages.js';

/** The daemon hands on what the kernel reports within milliseconds, and writes it to its journal first. */
const QUIET_MILLISECONDS = 300;
const LONGEST_WAIT_MILLISECONDS = 5000;

/** The denials of one container, while it is followed. */
export class DenialsOfRun {
  readonly events: Event[] = [];
  /** Missed events, of any container. */
  missed = 0;
  readonly #ended = new AbortController();
  #isCutOff = false;
  #last = 0;
  #stream: Promise<void> = Promise.resolve();

  constructor(
    readonly client: HauberkClient,
    readonly container: { readonly id: string; readonly name: string },
  ) {}

  /** Resolves once all new events will be received. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream = this.#follow(resolve);
      this.#stream.catch(reject);
    });
  }

  /** Resolves once no event has come for a while. @throws HauberkError if the daemon is gone */
  async end(): Promise<void> {
    try {
      // A busy daemon answers once it has processed what the kernel had reported by now.
      await this.client.host.getStatus();
      const began = performance.now();
      this.#last = began;
      const isOver = (now: number) =>
        now - began >= LONGEST_WAIT_MILLISECONDS || (now - this.#last >= QUIET_MILLISECONDS && !this.#isCutOff);
      while (!isOver(performance.now())) await sleep(QUIET_MILLISECONDS / 10);
    } finally {
      this.#ended.abort();
      await this.#stream;
    }
  }

  async #follow(isListening: () => void): Promise<void> {
    const { id, name } = this.container;
    const filter = { containerNames: [name], results: [Result.DENIED] };
    const onOpen = () => {
      this.#isCutOff = false;
      this.#last = performance.now();
      isListening();
    };
    const onReconnect = () => {
      this.#isCutOff = true;
    };
    const stream = this.client.events(filter, { signal: this.#ended.signal, onOpen, onReconnect });
    for await (const { events, missed } of stream) {
      this.events.push(...events.filter(({ containerId }) => containerId === id));
      this.missed += missed;
      this.#last = performance.now();
    }
  }
}
