import type { Backoff } from '../backoff.js';
import type { SourceStatus } from '../control/protection.js';
import { CriNotServed } from './cri-client.js';
import { trueCause } from './failure-cause.js';
import type { ContainerSink, ContainerSource, RuntimeConnection, SourceLogger } from './source.js';

const BACKOFF_MILLISECONDS = { first: 200, most: 5000 };

export interface FollowedSourceOptions {
  readonly logger: SourceLogger;
  /** Called whenever the source is connected or not any more. */
  readonly onStatus: () => void;
  /** What happens to a container's start while the daemon does not answer; only for sources that are checked it. */
  readonly whenUnanswered?: SourceStatus['whenUnanswered'];
  /** Milliseconds before the next attempt to connect: doubled from the first to the most. */
  readonly backoff?: Backoff;
}

/** Follows a runtime across its restarts, and reports the state of the connection. */
export class FollowedSource implements ContainerSource {
  readonly #connection: RuntimeConnection;
  readonly #options: FollowedSourceOptions;
  readonly #backoff: Backoff;
  readonly #ids = new Set<string>();
  #stopping: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wait: number;
  #connected = false;
  #wasConnected = false;
  #failure: unknown;
  #reason = 'not connected yet';

  constructor(connection: RuntimeConnection, options: FollowedSourceOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#backoff = options.backoff ?? BACKOFF_MILLISECONDS;
    this.#wait = this.#backoff.first;
  }

  get name(): string {
    return this.#connection.name;
  }

  get origin(): RuntimeConnection['origin'] {
    return this.#connection.origin;
  }

  get address(): string {
    return this.#connection.address;
  }

  /** Whether there is no runtime to follow: no socket, or what answers on it does not report containers. */
  get isAbsent(): boolean {
    return !this.#connected && (hasCode(this.#failure, 'ENOENT') || isNotServed(this.#failure));
  }

  /** Whether the runtime answers, but does not serve what would report containers. */
  get isNotServed(): boolean {
    return !this.#connected && isNotServed(this.#failure);
  }

  /** Whether it has been connected since it was started. */
  get wasConnected(): boolean {
    return this.#wasConnected;
  }

  start(sink: ContainerSink): void {
    this.#stopping = new AbortController();
    void this.#run(this.#counting(sink), this.#stopping.signal);
  }

  stop(): void {
    this.#stopping?.abort();
    clearTimeout(this.#timer);
  }

  status(): SourceStatus {
    const { whenUnanswered } = this.#options;
    return {
      name: this.name,
      address: this.address,
      connected: this.#connected,
      reason: this.#reason,
      containers: this.#ids.size,
      ...(whenUnanswered !== undefined && { whenUnanswered }),
    };
  }

  async #run(sink: ContainerSink, signal: AbortSignal): Promise<void> {
    let since: number | undefined;
    try {
      await this.#connection.follow(
        sink,
        () => {
          since = performance.now();
          this.#onConnected();
        },
        signal,
      );
      if (!signal.aborted) throw new Error('the runtime has closed the connection');
    } catch (error) {
      if (!signal.aborted) this.#onFailure(error);
    }
    if (signal.aborted) return;
    // A connection that ends at once does not reset the waiting time.
    if (since !== undefined && performance.now() - since >= this.#backoff.most) this.#wait = this.#backoff.first;
    this.#timer = setTimeout(() => void this.#run(sink, signal), this.#wait);
    this.#wait = Math.min(this.#wait * 2, this.#backoff.most);
  }

  #onConnected(): void {
    this.#connected = true;
    this.#wasConnected = true;
    this.#failure = undefined;
    this.#reason = '';
    this.#options.logger.info(this.#fields(), 'a container runtime is followed');
    this.#options.onStatus();
  }

  #onFailure(error: unknown): void {
    const wasConnected = this.#connected;
    const before = this.#reason;
    this.#connected = false;
    this.#failure = error;
    this.#reason = trueCause(error);
    const fields = { ...this.#fields(), reason: this.#reason };
    const { logger } = this.#options;
    if (wasConnected) logger.warn(fields, 'the connection to a container runtime is lost: trying again');
    else if (this.#reason === before) return;
    else if (this.isAbsent || hasCode(error, 'ECONNREFUSED')) {
      logger.debug(fields, 'there is no container runtime to follow');
    } else logger.warn(fields, 'a container runtime cannot be followed: trying again');
    this.#options.onStatus();
  }

  #fields(): object {
    return { source: this.name, address: this.address };
  }

  /** The sink, with the containers counted that were reported. */
  #counting(sink: ContainerSink): ContainerSink {
    return {
      running: (containers) => {
        this.#ids.clear();
        for (const { description } of containers) this.#ids.add(description.id);
        sink.running(containers);
      },
      started: (container) => {
        this.#ids.add(container.description.id);
        sink.started(container);
      },
      ended: (id) => {
        this.#ids.delete(id);
        sink.ended(id);
      },
    };
  }
}

/** Also if a library has put the system's error into its message. */
function hasCode(error: unknown, code: string): boolean {
  return error !== undefined && trueCause(error).includes(code);
}

function isNotServed(error: unknown): boolean {
  return error instanceof CriNotServed;
}
