import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Failure } from '../failure.js';
import type { RpcLogger, RpcService } from './handler.js';
import { parseListenAddress } from './listen-address.js';
import { OpenStreams } from './open-streams.js';
import { placeSocket } from './unix-socket.js';

export const DEFAULT_MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

// A client whose host is gone is noticed within 80 seconds; one that is only busy has 20 to answer.
const KEEPALIVE_MILLISECONDS = 60_000;
const KEEPALIVE_TIMEOUT_MILLISECONDS = 20_000;

export interface ServerOptions {
  /** `unix:PATH`, or `ADDRESS:PORT` with a loopback address. */
  readonly listen: string;
  readonly services: readonly RpcService[];
  readonly logger: RpcLogger;
  /** Longest request taken; 8 MiB when left out. */
  readonly maximumMessageBytes?: number;
}

export interface RunningServer {
  /** Where clients connect to, with the port in use if any port was asked for. */
  readonly address: string;
  /**
   * Ends open streams with UNAVAILABLE, waits for the calls under way as long as the grace lasts, then cuts what is
   * left. The socket is gone at once. Calling it again waits for the same end.
   */
  shutdown(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves the services; resolves when clients can connect.
 *
 * @throws Failure invalid-argument for a bad address, failed-precondition for one that is in use
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const address = parseListenAddress(options.listen);
  const streams = new OpenStreams();
  const server = new Server({
    interceptors: [streams.interceptor],
    'grpc.max_receive_message_length': options.maximumMessageBytes ?? DEFAULT_MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_MILLISECONDS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MILLISECONDS,
  });
  for (const service of options.services) service.addTo(server, options.logger);

  let removeSocket = async () => {};
  let listening: string;
  try {
    if (address.kind === 'unix') {
      removeSocket = await placeSocket(address.path, async (path) => {
        await bind(server, `unix:${path}`);
      });
      listening = `unix:${address.path}`;
    } else {
      const host = address.host.includes(':') ? `[${address.host}]` : address.host;
      listening = `${host}:${await bind(server, `${host}:${address.port}`)}`;
    }
  } catch (thrown) {
    server.forceShutdown();
    if (thrown instanceof Failure) throw thrown;
    const reason = (thrown as Error).message;
    throw new Failure('failed-precondition', `cannot listen on ${options.listen}: ${reason}`, [], { cause: thrown });
  }

  let stopped: Promise<void> | undefined;
  return {
    address: listening,
    shutdown(graceMilliseconds) {
      stopped ??= (async () => {
        await removeSocket();
        streams.endAll();
        await stop(server, graceMilliseconds, options.logger);
      })();
      return stopped;
    },
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function stop(server: Server, graceMilliseconds: number, logger: RpcLogger): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      logger.warn({ graceMilliseconds }, 'calls were still under way and have been cut off');
      server.forceShutdown();
      resolve();
    }, graceMilliseconds);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
