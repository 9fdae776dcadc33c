import { connect, type Socket } from 'node:net';
import { RegisterPluginRequest } from '../../generated/nri/nri.js';
import { ConnectionLost } from '../held-start.js';
import type { ContainerSink, RuntimeConnection } from '../source.js';
import { HeldStarts, type OnStart, type OnUnknown, type WhenUnprotectedOf } from './held-starts.js';
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
/** The precision with which a stall of the event loop is measured. */
const SLICE_MILLISECONDS = 500;
const REGISTER_MILLISECONDS = 5000;
const CONFIGURE_MILLISECONDS = 10_000;
/**
 * containerd 2 lets the containers that it is stopping end first. If all that runs does not fit into one message,
 * containerd 1.7 stays connected but silent forever.
 */
const SYNCHRONIZE_MILLISECONDS = 120_000;
const RECONFIGURE_MILLISECONDS = 5000;
/** For answers on their way when the daemon stops. */
const CLOSE_MILLISECONDS = 1000;

export interface NriOptions {
  /** What the runtime is called in status, metrics and log. */
  readonly name: string;
  /** Path of the socket; containerd's is /var/run/nri/nri.sock, where NRI is on. */
  readonly address: string;
  /** Asked before a container runs its first instruction, which waits for the answer. */
  readonly onStart: OnStart;
  readonly onUnknown: OnUnknown;
  readonly whenUnprotected: WhenUnprotectedOf;
  /** How soon the plugin connects again where it would be configured otherwise: it is configured once. */
  readonly reconfigureMilliseconds?: number;
}

/**
 * A plugin of containerd's Node Resource Interface. It holds each start until the container is under its policies; but
 * while no plugin is connected, and where one is late, containerd starts containers without asking.
 */
export class NriConnection implements RuntimeConnection {
  readonly name: string;
  /** Pods only: NRI does not report other containers. */
  readonly origin = 'cri';
  readonly address: string;
  readonly #options: NriOptions;

  constructor(options: NriOptions) {
    this.name = options.name;
    this.address = options.address;
    this.#options = options;
  }

  async follow(sink: ContainerSink, onConnected: () => void, signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Session(this.#options, sink, onConnected).end(signal);
  }
}

/** One connection, from the socket's opening to its end. */
class Session {
  readonly #socket: Socket;
  readonly #starts: HeldStarts;
  readonly #multiplexer: Multiplexer;
  readonly #client: TtrpcClient;
  readonly #server: TtrpcServer;
  #deadline: NodeJS.Timeout | undefined;
  #lastIteration = performance.now();
  readonly #iterationTimer = setInterval(() => {
    this.#lastIteration = performance.now();
  }, SLICE_MILLISECONDS);
  #reconfigureTimer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  /** Why the connection ends, where no failure says it. */
  #ending = 'the runtime closed the connection before it listed its containers';

  constructor(options: NriOptions, sink: ContainerSink, onConnected: () => void) {
    const {
      address,
      onStart,
      onUnknown,
      whenUnprotected,
      reconfigureMilliseconds = RECONFIGURE_MILLISECONDS,
    } = options;
    this.#socket = connect(address);
    this.#starts = new HeldStarts(onStart, onUnknown, whenUnprotected);
    this.#multiplexer = new Multiplexer((bytes) => this.#socket.write(bytes));
    const methods = pluginMethods({
      sink,
      starts: this.#starts,
      whenUnprotected,
      onConfigured: (whenUnanswered) => {
        this.#expect('listed its containers', SYNCHRONIZE_MILLISECONDS);
        clearInterval(this.#reconfigureTimer);
        this.#reconfigureTimer = setInterval(() => {
          if (whenUnprotected() !== whenUnanswered && this.#starts.isIdle)
            this.#socket.destroy(new Error('what happens to unanswered starts has changed'));
        }, reconfigureMilliseconds);
      },
      onSynchronized: () => {
        this.#stopTimers();
        this.#ending = 'the runtime closed the connection';
        onConnected();
      },
      unreadMilliseconds: () => performance.now() - this.#lastIteration,
      // containerd 1.7 keeps the connection, and starts containers without asking.
      onLate: () => this.#socket.destroy(new Error('the list of containers was read too late for the runtime')),
      onShutdown: () => {
        this.#ending = 'the runtime is shutting down';
      },
    });
    const answer = this.#multiplexer.open(PLUGIN_CONNECTION, (bytes) => this.#server.receive(bytes));
    this.#server = new TtrpcServer(PLUGIN_SERVICE, methods, answer);
    this.#client = new TtrpcClient(this.#multiplexer.open(RUNTIME_CONNECTION, (bytes) => this.#client.receive(bytes)));
    this.#expect('configured the plugin', CONFIGURE_MILLISECONDS);
  }

  /** Resolves when the signal has ended the connection, and rejects with the cause when something else has. */
  end(signal: AbortSignal): Promise<void> {
    const socket = this.#socket;
    const stop = () => this.#stop();
    signal.addEventListener('abort', stop, { once: true });
    socket.on('connect', () => register(this.#client).catch((error: Error) => socket.destroy(error)));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The other two are how a socket that the runtime has closed looks while it is written to or read.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') this.#failure = error;
    });
    return new Promise((resolve, reject) => {
      socket.on('close', () => {
        signal.removeEventListener('abort', stop);
        this.#stopTimers();
        clearInterval(this.#reconfigureTimer);
        const cause = this.#failure ?? new Error(this.#ending);
        this.#starts.giveUp(new ConnectionLost(cause.message));
        this.#client.close(cause);
        if (signal.aborted) resolve();
        else reject(cause);
      });
    });
  }

  #receive(chunk: Buffer): void {
    try {
      this.#multiplexer.receive(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  #expect(what: string, milliseconds: number): void {
    clearTimeout(this.#deadline);
    const lose = () => this.#socket.destroy(new Error(`the runtime has not ${what} in time`));
    this.#deadline = setTimeout(lose, milliseconds);
  }

  #stopTimers(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#iterationTimer);
  }

  #stop(): void {
    this.#starts.giveUp(new Error('hauberkd is stopping'));
    // The answers to the starts just given up are written by then.
    setImmediate(() => this.#socket.end());
    setTimeout(() => this.#socket.destroy(), CLOSE_MILLISECONDS).unref();
  }
}

async function register(client: TtrpcClient): Promise<void> {
  const request = RegisterPluginRequest.encode({ pluginName: PLUGIN_NAME, pluginIdx: PLUGIN_INDEX }).finish();
  await client.call(RUNTIME_SERVICE, 'RegisterPlugin', request, REGISTER_MILLISECONDS);
}
