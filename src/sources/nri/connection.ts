import { connect, type Socket } from 'node:net';
import type { ContainerDescription } from '../../containers/container.js';
import { RegisterPluginRequest } from '../../generated/nri/nri.js';
import type { ContainerSink, RuntimeConnection } from '../source.js';
import { HeldStarts, type OnStart, type StartingContainer, type WhenUnprotected } from './held-starts.js';
import { Multiplexer } from './mux.js';
import { pluginMethods } from './plugin.js';
import { TtrpcClient } from './ttrpc-client.js';
import { TtrpcServer } from './ttrpc-server.js';

const PLUGIN_NAME = 'hauberk';
/** Two digits: where plugins stand in the order in which containerd asks them. */
const PLUGIN_INDEX = '10';
const PLUGIN_SERVICE = 'nri.pkg.api.v1alpha1.Plugin';
const RUNTIME_SERVICE = 'nri.pkg.api.v1alpha1.Runtime';
/** The connections inside the socket. */
const PLUGIN_CONNECTION = 1;
const RUNTIME_CONNECTION = 2;
const REGISTER_MILLISECONDS = 5000;
/** From the connection on; the list of containers may come much later, for it waits until containers under way have stopped. */
const CONFIGURE_MILLISECONDS = 10_000;
/** For answers on their way when the daemon stops. */
const CLOSE_MILLISECONDS = 1000;

export interface NriOptions {
  readonly name: string;
  readonly origin: RuntimeConnection['origin'];
  /** Path of the socket; containerd's is /var/run/nri/nri.sock, where NRI is on. */
  readonly address: string;
  /** As the runtime's other interface describes it, so that both tell of one container. */
  readonly describe: (container: StartingContainer) => ContainerDescription;
  /** Asked before a container runs its first instruction, which waits for the answer. */
  readonly onStart: OnStart;
  /** What becomes of a start whose container is not under its policies, or not in time. */
  readonly whenUnprotected: WhenUnprotected;
}

/**
 * A plugin of containerd's Node Resource Interface. It holds each start until the container is under its policies; but
 * while no plugin is connected, and where one is late, containerd starts containers without asking.
 */
export class NriConnection implements RuntimeConnection {
  readonly name: string;
  readonly origin: RuntimeConnection['origin'];
  readonly address: string;
  readonly #options: NriOptions;

  constructor(options: NriOptions) {
    this.name = options.name;
    this.origin = options.origin;
    this.address = options.address;
    this.#options = options;
  }

  follow(sink: ContainerSink, onConnected: () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const { describe, onStart, whenUnprotected } = this.#options;
      const starts = new HeldStarts(onStart, whenUnprotected);
      const socket = connect(this.address);
      const lose = (cause: Error) => socket.destroy(cause);
      const configured = setTimeout(
        () => lose(new Error('the runtime has not configured the plugin')),
        CONFIGURE_MILLISECONDS,
      );
      // Why the connection ends, if nobody says more.
      let ending = 'the runtime closed the connection before it told which containers run';

      const multiplexer = new Multiplexer((bytes) => socket.write(bytes));
      const methods = pluginMethods({
        sink,
        describe,
        starts,
        whenUnprotected,
        onConfigured: () => clearTimeout(configured),
        onSynchronized: () => {
          ending = 'the runtime closed the connection';
          onConnected();
        },
        onShutdown: () => {
          ending = 'the runtime is shutting down';
        },
      });
      const server: TtrpcServer = new TtrpcServer(
        PLUGIN_SERVICE,
        methods,
        multiplexer.open(PLUGIN_CONNECTION, (bytes) => server.receive(bytes)),
      );
      const client: TtrpcClient = new TtrpcClient(
        multiplexer.open(RUNTIME_CONNECTION, (bytes) => client.receive(bytes)),
      );

      const stop = () => {
        starts.giveUp('hauberkd is stopping');
        closeAfterAnswers(socket);
      };
      signal.addEventListener('abort', stop, { once: true });

      let failure: Error | undefined;
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // A socket that the runtime has closed, seen while writing or reading.
        if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') failure = error;
      });
      socket.on('connect', () => register(client).catch(lose));
      socket.on('data', (chunk) => {
        try {
          multiplexer.receive(chunk);
        } catch (error) {
          lose(error as Error);
        }
      });
      socket.on('close', () => {
        clearTimeout(configured);
        signal.removeEventListener('abort', stop);
        const cause = failure ?? new Error(ending);
        starts.giveUp(cause.message);
        client.close(cause);
        if (signal.aborted) resolve();
        else reject(cause);
      });
    });
  }
}

async function register(client: TtrpcClient): Promise<void> {
  const request = RegisterPluginRequest.encode({ pluginName: PLUGIN_NAME, pluginIdx: PLUGIN_INDEX }).finish();
  await client.call(RUNTIME_SERVICE, 'RegisterPlugin', request, REGISTER_MILLISECONDS);
}

function closeAfterAnswers(socket: Socket): void {
  // The answers to what has just been given up are written by then.
  setImmediate(() => socket.end());
  setTimeout(() => socket.destroy(), CLOSE_MILLISECONDS).unref();
}
