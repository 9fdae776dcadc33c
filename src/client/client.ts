import { Client, type MethodDefinition, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import { ContainerServiceService } from '../generated/hauberk/v1/container.js';
import { EventServiceService } from '../generated/hauberk/v1/event.js';
import { HostServiceService } from '../generated/hauberk/v1/host.js';
import { PolicyServiceService } from '../generated/hauberk/v1/policy.js';
import { ProfileServiceService } from '../generated/hauberk/v1/profile.js';
import { StateServiceService } from '../generated/hauberk/v1/state.js';
import { TelemetryServiceService } from '../generated/hauberk/v1/telemetry.js';
import { errorOfCall } from './call-error.js';
import { channelCredentials, channelOptions } from './channel.js';
import { type ConnectOptions, DEFAULT_ADDRESS } from './connection.js';
import { type EventFilter, type EventStreamOptions, followEvents, type ReceivedEvents } from './event-stream.js';
import { wholeAnswer } from './pages.js';

const DEFAULT_TIMEOUT_MILLISECONDS = 30_000;

/**
 * A promise for every call of a service that has one answer. Fields of a request that are left out are empty. Where an answer
 * has pages the call follows them, unless its request asks for one by `pageSize` or `pageToken`.
 */
export type UnaryCalls<Definition> = {
  readonly [Method in keyof Definition as Definition[Method] extends { readonly responseStream: false }
    ? Method
    : never]: Definition[Method] extends MethodDefinition<infer Request, infer Response>
    ? (request?: Partial<Request>) => Promise<Response>
    : never;
};

/** The API of one daemon. Every call that fails rejects with a HauberkError. */
export interface HauberkClient {
  readonly policies: UnaryCalls<typeof PolicyServiceService>;
  readonly containers: UnaryCalls<typeof ContainerServiceService>;
  readonly profiles: UnaryCalls<typeof ProfileServiceService>;
  readonly host: UnaryCalls<typeof HostServiceService>;
  readonly state: UnaryCalls<typeof StateServiceService>;
  readonly telemetry: UnaryCalls<typeof TelemetryServiceService>;
  /**
   * Events from now on. When the connection is lost it connects again and continues where it stopped, as far as the
   * daemon still has the events. Ends when the signal is aborted; throws a HauberkError if retrying is useless, such as
   * for a filter that no event can pass.
   */
  events(filter?: EventFilter, options?: EventStreamOptions): AsyncGenerator<ReceivedEvents>;
  close(): void;
}

/** Makes a client. It connects at the first call. */
export function connect(options: ConnectOptions = {}): HauberkClient {
  const client = new Client(options.address ?? DEFAULT_ADDRESS, channelCredentials(options), channelOptions(options));
  const timeout = options.timeoutMilliseconds ?? DEFAULT_TIMEOUT_MILLISECONDS;
  return {
    policies: unaryCalls(client, PolicyServiceService, timeout),
    containers: unaryCalls(client, ContainerServiceService, timeout),
    profiles: unaryCalls(client, ProfileServiceService, timeout),
    host: unaryCalls(client, HostServiceService, timeout),
    state: unaryCalls(client, StateServiceService, timeout),
    telemetry: unaryCalls(client, TelemetryServiceService, timeout),
    events: (filter = {}, streamOptions = {}) =>
      followEvents(
        (request) => {
          const { path, requestSerialize, responseDeserialize } = EventServiceService.streamEvents;
          return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
        },
        filter,
        streamOptions,
      ),
    close: () => client.close(),
  };
}

function unaryCalls<Definition extends ServiceDefinition>(
  client: Client,
  definition: Definition,
  timeout: number,
): UnaryCalls<Definition> {
  const calls = Object.entries(definition)
    .filter(([, { responseStream }]) => !responseStream)
    .map(([name, method]) => {
      const empty = method.requestDeserialize(Buffer.alloc(0)) as object;
      const call = (request: object) => unary(client, method, { ...empty, ...request }, timeout);
      return [name, (request: object = {}) => wholeAnswer(request, call)];
    });
  return Object.fromEntries(calls);
}

function unary<Request, Response>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, Response>,
  request: Request,
  timeout: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: Response) => {
      if (error === null) resolve(response!);
      else reject(errorOfCall(error, error));
    };
    const options = { deadline: Date.now() + timeout };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, done);
  });
}
