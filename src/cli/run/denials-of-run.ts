import { setTimeout as sleep } from 'node:timers/promises';
import { type Event, type HauberkClient, Result } from '../../client/index.js';

/** The daemon hands on what the kernel reports within milliseconds, and writes it to its journal first. */
const QUIET_MILLISECONDS = 300;
const LONGEST_WAIT_MILLISECONDS = 5000;

/** What one container is refused, as long as it is listened to. */
export class DenialsOfRun {
  readonly events: Event[] = [];
  /** Events that did not come, of whatever container. */
  missed = 0;
  readonly #ended = new AbortController();
  #last = 0;
  #stream: Promise<void> = Promise.resolve();

  constructor(
    readonly client: HauberkClient,
    readonly container: { readonly id: string; readonly name: string },
  ) {}

  /** Resolves once all that comes will be heard. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream = this.#follow(resolve);
      this.#stream.catch(reject);
    });
  }

  /** Resolves once nothing has come for a while. */
  async end(): Promise<void> {
    const began = performance.now();
    this.#last = began;
    while (performance.now() - this.#last < QUIET_MILLISECONDS && performance.now() - began < LONGEST_WAIT_MILLISECONDS)
      await sleep(QUIET_MILLISECONDS / 10);
    this.#ended.abort();
    await this.#stream;
  }

  async #follow(onOpen: () => void): Promise<void> {
    const { id, name } = this.container;
    const filter = { containerNames: [name], results: [Result.DENIED] };
    for await (const { events, missed } of this.client.events(filter, { signal: this.#ended.signal, onOpen })) {
      this.events.push(...events.filter(({ containerId }) => containerId === id));
      this.missed += missed;
      this.#last = performance.now();
    }
  }
}
