import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { EventsClient } from '../generated/containerd/services/events/v1/events.js';
import {
  type Container,
  ContainerState,
  type ContainerStatusResponse,
  type PodSandbox,
  RuntimeServiceClient,
} from '../generated/runtime/v1/runtime.js';

const CALL_MILLISECONDS = 10_000;
/** The same limit as the kubelet's. */
const MESSAGE_BYTES = 16 * 1024 * 1024;
/** A runtime has other clients; a hundred containers at once must not keep it busy with us. */
const CALLS_AT_ONCE = 8;

/** Something answers on the socket, but does not serve CRI, such as the containerd of Docker's packages. */
export class CriNotServed extends Error {
  override readonly name = 'CriNotServed';

  constructor(address: string, options?: ErrorOptions) {
    super(`${address} serves no CRI (runtime.v1)`, options);
  }
}

type UnaryCall<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Calls a runtime's CRI, each call with a deadline, few at once. */
export class CriClient {
  readonly #runtime: RuntimeServiceClient;
  readonly #events: EventsClient;
  readonly #underWay = new Set<{ cancel(): void }>();
  readonly #waiting: (() => void)[] = [];
  #calls = 0;

  constructor(readonly address: string) {
    const options = {
      'grpc.max_receive_message_length': MESSAGE_BYTES,
      // A connection that failed before is no reason to wait: how soon to try again is the caller's choice.
      'grpc.use_local_subchannel_pool': 1,
    };
    this.#runtime = new RuntimeServiceClient(`unix:${address}`, credentials.createInsecure(), options);
    this.#events = new EventsClient(`unix:${address}`, credentials.createInsecure(), {
      channelOverride: this.#runtime.getChannel(),
    });
  }

  /** @throws CriNotServed where something else than CRI answers */
  async runtimeName(): Promise<string> {
    try {
      return (await this.#call(this.#runtime.version, { version: 'v1' })).runtimeName;
    } catch (cause) {
      if (isUnimplemented(cause)) throw new CriNotServed(this.address, { cause });
      throw cause;
    }
  }

  async containers(): Promise<Container[]> {
    return (await this.#call(this.#runtime.listContainers, { filter: undefined })).containers;
  }

  /** Undefined where there is none, and where the id is that of a sandbox. */
  async container(id: string): Promise<Container | undefined> {
    const filter = { id, state: undefined };
    return (await this.#call(this.#runtime.listContainers, { filter })).containers.find((found) => found.id === id);
  }

  async sandboxes(): Promise<PodSandbox[]> {
    return (await this.#call(this.#runtime.listPodSandbox, { filter: undefined })).items;
  }

  async sandbox(id: string, milliseconds = CALL_MILLISECONDS): Promise<PodSandbox | undefined> {
    const { items } = await this.#call(this.#runtime.listPodSandbox, { filter: { id } }, milliseconds);
    return items.find((found) => found.id === id);
  }

  /** With what the runtime knows beyond CRI; undefined if the container is gone. */
  async status(id: string): Promise<ContainerStatusResponse | undefined> {
    try {
      return await this.#call(this.#runtime.containerStatus, { containerId: id, verbose: true });
    } catch (error) {
      if ((error as ServiceError).code === status.NOT_FOUND) return undefined;
      throw error;
    }
  }

  containerEvents() {
    return this.#follow(this.#runtime.getContainerEvents({}));
  }

  containerdEvents(filters: string[]) {
    return this.#follow(this.#events.subscribe({ filters }));
  }

  /** Ends whatever is under way. */
  close(): void {
    for (const call of this.#underWay) call.cancel();
    this.#runtime.close();
  }

  #follow<Message>(stream: ClientReadableStream<Message>): ClientReadableStream<Message> {
    this.#underWay.add(stream);
    return stream.on('close', () => this.#underWay.delete(stream));
  }

  async #call<Request, Response>(
    method: UnaryCall<Request, Response>,
    request: Request,
    milliseconds = CALL_MILLISECONDS,
  ): Promise<Response> {
    if (this.#calls >= CALLS_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#calls++;
    let call: ClientUnaryCall | undefined;
    try {
      return await new Promise<Response>((resolve, reject) => {
        const options = { deadline: Date.now() + milliseconds };
        call = method.call(this.#runtime, request, new Metadata(), options, (error, response) =>
          error === null ? resolve(response) : reject(error),
        );
        this.#underWay.add(call);
      });
    } finally {
      if (call !== undefined) this.#underWay.delete(call);
      const next = this.#waiting.shift();
      // The slot is passed on to the next caller.
      if (next === undefined) this.#calls--;
      else next();
    }
  }
}

/** Undefined for a container that does not run. @throws Error if the runtime does not report it */
export function pidIn(id: string, { status, info }: ContainerStatusResponse): number | undefined {
  return mayRun(status?.state) ? readPid(id, info) : undefined;
}

/** A container whose state the runtime has lost may run. */
export function mayRun(state: ContainerState | undefined): boolean {
  return state === ContainerState.CONTAINER_RUNNING || state === ContainerState.CONTAINER_UNKNOWN;
}

export function isUnimplemented(error: unknown): boolean {
  return (error as ServiceError).code === status.UNIMPLEMENTED;
}

/** From information beyond CRI: containerd and CRI-O both have it in the JSON under "info". */
export function readPid(id: string, info: Readonly<Record<string, string>>): number {
  let pid: unknown;
  try {
    ({ pid } = JSON.parse(info.info ?? '{}') as { pid?: unknown });
  } catch (cause) {
    throw new Error(`the runtime's information on container ${id} cannot be read`, { cause });
  }
  if (!Number.isInteger(pid) || (pid as number) <= 0)
    throw new Error(`the runtime does not report the process of container ${id}`);
  return pid as number;
}
