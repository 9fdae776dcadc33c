import type { ClientReadableStream } from '@grpc/grpc-js';
import {
  type Container,
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  type PodSandbox,
} from '../generated/runtime/v1/runtime.js';
import { CRI_TASK_FILTERS, type RuntimeEvent, readContainerdEvent } from './containerd-events.js';
import { CriClient, isUnimplemented, mayRun, pidIn } from './cri-client.js';
import { CriContainers, describeCriContainer, imageNameOf, podOf } from './cri-containers.js';
import type { ContainerSink, RuntimeConnection } from './source.js';

/**
 * How often all containers are listed: without events this determines how soon a start is known, with events it is a
 * safeguard.
 */
const LIST_MILLISECONDS = { withEvents: 15_000, withoutEvents: 2_000 };
/** Nothing shows when a subscription has become active: what started in between is found by a second list. */
const SECOND_LIST_MILLISECONDS = 1_000;

export interface CriOptions {
  /** What the runtime is called in status, metrics and log. */
  readonly name: string;
  /** Path of the socket. */
  readonly address: string;
}

/** The containers of a runtime that serves CRI: containerd, also in k3s, k0s and MicroK8s, and CRI-O. */
export function criConnection({ name, address }: CriOptions): RuntimeConnection {
  return {
    name,
    origin: 'cri',
    address,
    async follow(sink, onConnected, signal) {
      const following = new Following(address, sink);
      const stop = () => following.stop();
      signal.addEventListener('abort', stop);
      try {
        signal.throwIfAborted();
        await following.run(onConnected);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener('abort', stop);
        following.stop();
      }
    },
  };
}

/** One connection, until it fails or is stopped. */
class Following {
  readonly #client: CriClient;
  readonly #containers: CriContainers;
  #sandboxes = new Map<string, PodSandbox>();
  #listMilliseconds = LIST_MILLISECONDS.withEvents;
  #timer: NodeJS.Timeout | undefined;
  #fail: (cause: unknown) => void = () => {};

  constructor(address: string, sink: ContainerSink) {
    this.#client = new CriClient(address);
    this.#containers = new CriContainers(sink);
  }

  /** Never resolves. */
  async run(onConnected: () => void): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // Awaited below, but it may fail before that.
    failed.catch(() => {});
    const runtime = await this.#client.runtimeName();
    // The events first: what happens while the list is read is not lost.
    this.#subscribe(runtime);
    await Promise.race([this.#list(), failed]);
    onConnected();
    this.#containers.complete();
    this.#listAgain(SECOND_LIST_MILLISECONDS);
    await failed;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#fail(new Error('stopped'));
    this.#client.close();
  }

  /**
   * containerd's own events rather than those of CRI, which 1.6 does not serve, and of which 1.7 gives each to one client
   * only: the kubelet would miss what is reported here.
   */
  #subscribe(runtime: string): void {
    if (runtime === 'containerd') this.#read(this.#client.containerdEvents(CRI_TASK_FILTERS), readContainerdEvent);
    else this.#read(this.#client.containerEvents(), readCriEvent);
  }

  #read<Message>(stream: ClientReadableStream<Message>, read: (message: Message) => RuntimeEvent | undefined): void {
    stream.on('data', (message: Message) => this.#handle(() => read(message)).catch(this.#fail));
    stream.on('error', (error) => (isUnimplemented(error) ? this.#goWithoutEvents() : this.#fail(error)));
    // How CRI-O answers where its events are not switched on.
    stream.on('end', () => this.#goWithoutEvents());
  }

  async #handle(read: () => RuntimeEvent | undefined): Promise<void> {
    const event = read();
    if (event?.type === 'ended') this.#containers.ended(event.id);
    if (event?.type === 'started') await this.#started(event.id, event.pid);
  }

  #goWithoutEvents(): void {
    this.#listMilliseconds = LIST_MILLISECONDS.withoutEvents;
  }

  async #started(id: string, pidOfEvent: number | undefined): Promise<void> {
    const container = await this.#client.container(id);
    // The sandbox's own container is in no list.
    if (container === undefined || container.state === ContainerState.CONTAINER_EXITED) return;
    await this.#introduce(container, pidOfEvent);
  }

  async #introduce(container: Container, pidOfEvent?: number): Promise<void> {
    const { id } = container;
    const sandbox = await this.#sandbox(container.podSandboxId);
    const known = this.#containers.get(id);
    let pid = pidOfEvent ?? known?.pid;
    let image = imageNameOf(container.image) ?? known?.description.image;
    // Its status may name an image of which the list has only the id; what it does not name is not asked for again.
    if (pid === undefined || (image === undefined && known === undefined)) {
      const asked = this.#client.status(id);
      // Where only the image is asked for, a container without its name is better than none.
      const status = await (pid === undefined ? asked : asked.catch(() => undefined));
      image ??= imageNameOf(status?.status?.image);
      pid ??= status && pidIn(id, status);
    }
    // Either gone means that the container has ended.
    if (sandbox === undefined || pid === undefined) return;
    const name = container.metadata?.name;
    if (name === undefined) throw new Error(`the runtime does not report the name of container ${id}`);
    this.#containers.started({ description: describeCriContainer(id, name, podOf(sandbox), image), pid });
  }

  async #sandbox(id: string): Promise<PodSandbox | undefined> {
    const known = this.#sandboxes.get(id) ?? (await this.#client.sandbox(id));
    if (known !== undefined) this.#sandboxes.set(id, known);
    return known;
  }

  /** Reconciles what was reported with the runtime's lists. */
  async #list(): Promise<void> {
    const { ids: reported, endedIds } = this.#containers;
    const listed = new Map((await this.#client.containers()).map((container) => [container.id, container]));
    this.#sandboxes = new Map((await this.#client.sandboxes()).map((sandbox) => [sandbox.id, sandbox]));
    for (const id of reported) {
      const state = listed.get(id)?.state;
      // One that an event has reported may still be listed as created.
      if (state === undefined || state === ContainerState.CONTAINER_EXITED) this.#containers.ended(id);
    }
    const running = [...listed.values()].filter(({ state }) => mayRun(state));
    // One that fails must not keep the others from being reported.
    const outcomes = await Promise.allSettled(running.map((container) => this.#introduce(container)));
    this.#containers.forget([...endedIds].filter((id) => !listed.has(id)));
    const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed === undefined) return;
    this.#containers.reportKnown();
    throw failed.reason;
  }

  #listAgain(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#list().then(() => this.#listAgain(this.#listMilliseconds), this.#fail);
    }, milliseconds);
  }
}

function readCriEvent({ containerId: id, containerEventType: type }: ContainerEventResponse): RuntimeEvent | undefined {
  if (type === ContainerEventType.CONTAINER_STARTED_EVENT) return { type: 'started', id };
  if (type === ContainerEventType.CONTAINER_CREATED_EVENT) return undefined;
  return { type: 'ended', id };
}
