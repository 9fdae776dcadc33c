import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** An event as a client that knows only the .proto files sees it. */
export interface ReceivedEvent {
  time: { seconds: string; nanos: number };
  containerId: string;
  containerName: string;
  namespace: string;
  labels: Record<string, string>;
  policy: string;
  rule: string;
  severity: number;
  tags: string[];
  message: string;
  class: string;
  operation: string;
  object: string;
  action: string;
  result: string;
  program: string;
  parentProgram: string;
  pid: number;
  hostPid: number;
  ppid: number;
  uid: number;
  comm: string;
  suppressed: string;
  wouldBlock: boolean;
  sequence: string;
  hostName: string;
  commandLine: string[];
  containerUid: number;
  ownerRule: string;
}

type Service =
  | 'PolicyService'
  | 'ContainerService'
  | 'EventService'
  | 'ProfileService'
  | 'HostService'
  | 'StateService'
  | 'TelemetryService';
const FILES: Record<Service, string> = {
  PolicyService: 'policy',
  ContainerService: 'container',
  EventService: 'event',
  ProfileService: 'profile',
  HostService: 'host',
  StateService: 'state',
  TelemetryService: 'telemetry',
};

/** A client made from proto/ at run time, as a third party would; it shares no code with the daemon. */
export class Client {
  readonly #services = new Map<Service, grpc.Client>();

  constructor(
    readonly address: string,
    readonly protoDirectory = 'proto',
    readonly credentials = grpc.credentials.createInsecure(),
  ) {}

  // biome-ignore lint/suspicious/noExplicitAny: requests and responses are described by the .proto files alone.
  call(service: Service, method: string, request: object = {}): Promise<any> {
    return new Promise((resolve, reject) => {
      const client = this.#service(service) as unknown as Record<string, (...parameters: unknown[]) => void>;
      client[method]!.call(client, request, (error: grpc.ServiceError | null, response: unknown) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  /** Opens an event stream; resolves once the server has accepted it. */
  async stream(filter: object = {}): Promise<EventStream> {
    const client = this.#service('EventService') as unknown as {
      StreamEvents(request: object): grpc.ClientReadableStream<{ events: ReceivedEvent[]; missed: string }>;
    };
    const call = client.StreamEvents(filter);
    const stream = new EventStream(call);
    await new Promise<void>((resolve, reject) => {
      call.once('metadata', () => resolve());
      call.once('error', reject);
    });
    return stream;
  }

  close(): void {
    for (const client of this.#services.values()) client.close();
  }

  #service(name: Service): grpc.Client {
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    const definition = loadSync(join('hauberk/v1', `${FILES[name]}.proto`), {
      includeDirs: [this.protoDirectory],
      enums: String,
      longs: String,
      defaults: true,
    });
    const Constructor = grpc.makeClientConstructor(definition[`hauberk.v1.${name}`] as grpc.ServiceDefinition, name);
    const client = new Constructor(this.address, this.credentials, {
      // Otherwise all clients of a process share one connection, with the limits that it has.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
    this.#services.set(name, client);
    return client;
  }
}

/** The events of one stream, in the order of their arrival. */
export class EventStream {
  readonly events: ReceivedEvent[] = [];
  missed = 0;
  error: grpc.ServiceError | undefined;
  #changed: () => void = () => undefined;

  constructor(readonly call: grpc.ClientReadableStream<{ events: ReceivedEvent[]; missed: string }>) {
    call.on('data', ({ events, missed }) => {
      this.events.push(...events);
      this.missed += Number(missed);
      this.#changed();
    });
    call.on('error', (error: grpc.ServiceError) => {
      this.error = error;
      this.#changed();
    });
  }

  /** The first event, received or future, that satisfies `wanted`; after `milliseconds` throws with those received. */
  async find(wanted: (event: ReceivedEvent) => boolean, milliseconds = 60_000): Promise<ReceivedEvent> {
    const deadline = Date.now() + milliseconds;
    for (;;) {
      const found = this.events.find(wanted);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no such event among ${JSON.stringify(this.events, undefined, 1)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Forgets the events received so far. */
  clear(): void {
    this.events.length = 0;
  }

  cancel(): void {
    this.call.cancel();
  }
}
