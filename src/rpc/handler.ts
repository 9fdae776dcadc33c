import type {
  MethodDefinition,
  Server,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Failure } from '../failure.js';
import {
  boundedDecoderOf,
  decoderOf,
  Encoded,
  handingDecoderOf,
  shortOnly,
  strictDecoderOf,
  Undecodable,
} from './decode.js';
import { toStatus } from './errors.js';
import type { RuledMethod } from './method-rules.js';

/** What the RPC room writes to the log; a pino logger is one. */
export interface RpcLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The server's side of a stream of responses: see `ServerWritableStream` of grpc-js. */
export type ResponseStream<Response> = ServerWritableStream<unknown, Response>;

type UnaryHandler<Request, Response> = (
  request: Request,
  call: ServerUnaryCall<Request, Response>,
) => Promise<Response> | Response;

/** The stream ends when the promise is settled. */
type StreamHandler<Request, Response> = (request: Request, call: ResponseStream<Response>) => Promise<void>;

/** A service all of whose methods have a rule that says who may call them. */
type RuledService = ServiceDefinition & Readonly<Record<string, { readonly path: RuledMethod }>>;

/** Plain functions for every method of a service definition made by ts-proto. */
export type Handlers<Definition> = {
  readonly [Method in keyof Definition]: Definition[Method] extends MethodDefinition<infer Request, infer Response>
    ? Definition[Method] extends { readonly responseStream: true }
      ? StreamHandler<Request, Response>
      : UnaryHandler<Request, Response>
    : never;
};

/** How large requests are handled; they are decoded at once by default. */
export interface LargeRequests<Definition> {
  /** Handlers of requests that come as they were sent, to be decoded elsewhere. */
  readonly encoded?: { readonly [Method in keyof Definition]?: (bytes: Uint8Array) => Promise<unknown> };
  /** Methods whose requests contain lists that take long to decode: long requests are refused. */
  readonly refused?: readonly (keyof Definition)[];
}

/** What a library registers its own service with. */
export interface ServiceRegistry {
  addService(definition: RuledService, implementation: UntypedServiceImplementation): void;
}

/**
 * A service whose handlers cannot take the process down: whatever they throw, at once or later, becomes the status of
 * the call and, where it is a fault of ours, a line in the log. The server takes services in no other form.
 */
export class RpcService {
  readonly #register: (server: Server, logger: RpcLogger) => void;

  private constructor(register: (server: Server, logger: RpcLogger) => void) {
    this.#register = register;
  }

  static of<Definition extends RuledService>(
    definition: Definition,
    handlers: Handlers<Definition>,
    { encoded = {}, refused = [] }: LargeRequests<Definition> = {},
  ): RpcService {
    const decoderFor: DecoderFor = (name, deserialize) => {
      const decoder = strictDecoderOf(deserialize);
      if (name in encoded) return handingDecoderOf(decoder);
      return refused.includes(name) ? boundedDecoderOf(decoder) : decoder;
    };
    return new RpcService((server, logger) => {
      const wrapped = Object.entries(definition).map(([name, { path, requestStream, responseStream }]) => {
        if (requestStream) throw new Error(`${path}: a stream of requests has no wrapper`);
        const handler = handlers[name as keyof Definition];
        return [
          name,
          responseStream
            ? wrapStream(path, handler as StreamHandler<unknown, unknown>, logger)
            : wrapUnary(path, handler as UnaryHandler<unknown, unknown>, logger, encoded[name]),
        ];
      });
      server.addService(decodedBy(decoderFor, definition), Object.fromEntries(wrapped));
    });
  }

  /** Takes over the services that a library adds by itself; its handlers are synchronous and end their calls themselves. */
  static fromLibrary(add: (registry: ServiceRegistry) => void): RpcService {
    return new RpcService((server, logger) => {
      add({
        addService(definition, implementation) {
          const wrapped = Object.entries(definition).map(([name, { path, originalName, responseStream }]) => {
            const handler = implementation[name] ?? implementation[originalName ?? ''];
            if (handler === undefined) throw new Error(`${path} has no handler`);
            return [name, wrapForeign(path, handler, responseStream, logger)];
          });
          const decoderFor: DecoderFor = (_, deserialize) => boundedDecoderOf(decoderOf(deserialize));
          server.addService(decodedBy(decoderFor, definition), Object.fromEntries(wrapped));
        },
      });
    });
  }

  /** For the server: registers every method. */
  addTo(server: Server, logger: RpcLogger): void {
    this.#register(server, logger);
  }
}

type DecoderFor = (method: string, deserialize: (bytes: Buffer) => unknown) => (bytes: Buffer) => unknown;

/**
 * The methods of a service with other decoders, and encoders that take what is encoded; a stream of requests goes past the
 * wrappers that refuse by them.
 */
function decodedBy(decoderFor: DecoderFor, definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const { requestStream, requestDeserialize, responseSerialize } = method;
      if (requestStream) return [name, { ...method, requestDeserialize: shortOnly(requestDeserialize) }];
      return [
        name,
        {
          ...method,
          requestDeserialize: decoderFor(name, requestDeserialize),
          // It may have been encoded on its way, to know its size.
          responseSerialize: (message: unknown) => (message instanceof Buffer ? message : responseSerialize(message)),
        },
      ];
    }),
  );
}

function decoded(request: unknown): unknown {
  if (!(request instanceof Undecodable)) return request;
  throw request.failure;
}

type UnaryCall = ServerUnaryCall<unknown, unknown>;

function wrapUnary(
  path: string,
  handler: UnaryHandler<unknown, unknown>,
  logger: RpcLogger,
  encoded?: (bytes: Uint8Array) => Promise<unknown>,
) {
  return async (call: UnaryCall, respond: sendUnaryData<unknown>): Promise<void> => {
    try {
      const { request } = call;
      respond(null, await (request instanceof Encoded ? encoded!(request.bytes) : handler(decoded(request), call)));
    } catch (thrown) {
      respond(statusFor(path, thrown, logger));
    }
  };
}

function wrapStream(path: string, handler: StreamHandler<unknown, unknown>, logger: RpcLogger) {
  return async (call: ResponseStream<unknown>): Promise<void> => {
    try {
      await handler(decoded(call.request), call);
      call.end();
    } catch (thrown) {
      const status = statusFor(path, thrown, logger);
      // grpc-js ends the stream with the status of the error it emits, and listens even when the stream is over.
      call.emit('error', Object.assign(new Error(status.details), status));
    }
  };
}

function wrapForeign(path: string, handler: UntypedHandleCall, isStream: boolean, logger: RpcLogger) {
  return (call: UnaryCall & ResponseStream<unknown>, respond: sendUnaryData<unknown>): void => {
    try {
      decoded(call.request);
      (handler as (...parameters: unknown[]) => void)(call, respond);
    } catch (thrown) {
      const status = statusFor(path, thrown, logger);
      if (isStream) call.emit('error', Object.assign(new Error(status.details), status));
      else respond(status);
    }
  };
}

function statusFor(path: string, thrown: unknown, logger: RpcLogger) {
  const failure = Failure.from(thrown);
  if (failure.code === 'internal') logger.error({ method: path, err: failure.cause ?? failure }, 'a call failed');
  return toStatus(failure);
}
