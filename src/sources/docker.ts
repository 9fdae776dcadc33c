import type Docker from 'dockerode';
import { describeDockerContainer } from './docker-facts.js';
import { inParallel } from './in-parallel.js';
import { readLines } from './lines.js';
import type { ContainerSink, RuntimeConnection, SourceContainer } from './source.js';

/** Events that may change which containers run, or what is known about one. */
const EVENTS = ['start', 'die', 'destroy', 'rename'];
/** The same in podman's wording. */
const PODMAN_EVENTS = ['died', 'remove'];
const INSPECTIONS_MAX = 16;
const LINE_SHOWN = 200;
/** Docker holds a container's lock while it starts it, and a hook of the start may take as long as this. */
const INSPECT_MILLISECONDS = 30_000;

export interface DockerOptions {
  readonly origin: 'docker' | 'podman';
  /** Path of the socket. */
  readonly address: string;
}

/** The containers of Docker, or of podman, which speaks Docker's interface on a socket of its own. */
export function dockerConnection({ origin, address }: DockerOptions): RuntimeConnection {
  return {
    name: origin,
    origin,
    address,
    async follow(sink, onConnected, signal) {
      // Imported here because it takes longer to load than all the rest of the daemon.
      const { default: Client } = await import('dockerode');
      if (signal.aborted) return;
      const following = new Following(new Client({ socketPath: address }), origin, sink, signal);
      try {
        await following.run(onConnected);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        following.stop();
      }
    },
  };
}

interface ContainerEvent {
  readonly action: string;
  readonly id: string;
}

/** One connection, until it fails or is stopped. */
class Following {
  readonly #docker: Docker;
  readonly #origin: 'docker' | 'podman';
  readonly #sink: ContainerSink;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  /** Containers that are being looked at; true when something has happened to one meanwhile. */
  readonly #looks = new Map<string, boolean>();
  /** Events that came before the list was reported. */
  #early: ContainerEvent[] | undefined = [];
  #fail: (cause: unknown) => void = () => undefined;

  constructor(docker: Docker, origin: 'docker' | 'podman', sink: ContainerSink, signal: AbortSignal) {
    this.#docker = docker;
    this.#origin = origin;
    this.#sink = sink;
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
  }

  /** Rejects when the connection is lost. */
  async run(onConnected: () => void): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // Awaited below, but it may fail before that.
    failed.catch(() => undefined);
    // The events first: what happens while the list is read is not lost.
    const event = this.#origin === 'podman' ? [...EVENTS, ...PODMAN_EVENTS] : EVENTS;
    const stream = await this.#docker.getEvents({
      filters: { type: ['container'], event },
      abortSignal: this.#signal,
    });
    readLines(
      stream,
      (line) => this.#receive(line),
      (cause) => this.#fail(cause ?? new Error('the runtime has closed its event stream')),
    );
    const running = await Promise.race([this.#list(), failed]);
    onConnected();
    this.#sink.running(running);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const each of early) this.#handle(each);
    await failed;
  }

  stop(): void {
    this.#ended.abort();
  }

  async #list(): Promise<SourceContainer[]> {
    const listed = await this.#docker.listContainers({ abortSignal: this.#signal });
    const outcomes = await inParallel(listed, INSPECTIONS_MAX, ({ Id }) => this.#inspect(Id));
    const running = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' && outcome.value !== undefined ? [outcome.value] : [],
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return running;
    // One that fails must not keep the others from being reported.
    for (const container of running) this.#sink.started(container);
    throw failed.reason;
  }

  #receive(line: string): void {
    const event = readEvent(line);
    if (event === 'unreadable') this.#fail(new Error(`an event cannot be read: ${line.slice(0, LINE_SHOWN)}`));
    else if (event === undefined) return;
    else if (this.#early !== undefined) this.#early.push(event);
    else this.#handle(event);
  }

  #handle({ action, id }: ContainerEvent): void {
    const isLookedAt = this.#looks.has(id);
    if (isLookedAt) this.#looks.set(id, true);
    if (action !== 'start' && action !== 'rename') this.#sink.ended(id);
    else if (!isLookedAt) void this.#look(id);
  }

  /** Inspects a container until nothing has happened to it meanwhile, so that the last report is correct. */
  async #look(id: string): Promise<void> {
    try {
      let container: SourceContainer | undefined;
      do {
        this.#looks.set(id, false);
        container = await this.#inspect(id);
      } while (this.#looks.get(id));
      if (container !== undefined) this.#sink.started(container);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#looks.delete(id);
    }
  }

  /** Undefined if it does not run, or is not a workload. */
  async #inspect(id: string): Promise<SourceContainer | undefined> {
    try {
      const abortSignal = AbortSignal.any([this.#signal, AbortSignal.timeout(INSPECT_MILLISECONDS)]);
      const { Name, State, Config } = await this.#docker.getContainer(id).inspect({ abortSignal });
      if (!State.Running || State.Pid === 0) return undefined;
      const name = Name.replace(/^\//u, '');
      const description = describeDockerContainer(id, name, Config.Labels ?? {}, this.#origin, Config.Image);
      return description === undefined ? undefined : { description, pid: State.Pid };
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined;
      throw new Error(`container ${id} cannot be inspected`, { cause: error });
    }
  }
}

/** Undefined for an event that is not about a container. */
function readEvent(line: string): ContainerEvent | 'unreadable' | undefined {
  let event: { Action?: unknown; Actor?: { ID?: unknown } } | null;
  try {
    event = JSON.parse(line);
  } catch {
    return 'unreadable';
  }
  const action = event?.Action;
  const id = event?.Actor?.ID;
  return typeof action === 'string' && typeof id === 'string' ? { action, id } : undefined;
}
