import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Registry } from 'prom-client';

/** More than scraping needs; the connection that has been idle longest is closed for a new one. */
const CONNECTIONS_MAX = 64;
const REQUEST_MILLISECONDS = 10_000;
/** How long to wait before trying again to bind the address. */
const RETRY_MILLISECONDS = 5000;

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface MetricsServerOptions {
  /** `ADDRESS:PORT` */
  readonly address: string;
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
  readonly logger: Logger;
  /** Called when `problem` has changed. */
  readonly onStatus: () => void;
  readonly retryMilliseconds?: number;
}

/** Serves GET and HEAD of /metrics. Nothing else depends on it: if its address is in use, it tries again. */
export class MetricsServer {
  /** Connections that were closed since there were too many. */
  closedConnections = 0;
  readonly #server: Server;
  /** Connections without a request under way, the one that has been idle longest first. */
  readonly #idle = new Set<Socket>();
  readonly #sockets = new Set<Socket>();
  #problem: string | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(readonly options: MetricsServerOptions) {
    this.#server = createServer(
      { requestTimeout: REQUEST_MILLISECONDS, headersTimeout: REQUEST_MILLISECONDS, connectionsCheckingInterval: 1000 },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.on('connection', (socket) => this.#admit(socket));
    // A connection could not be accepted, since there is no memory for example: the server continues.
    this.#server.on('error', (error) => {
      if (this.#server.listening) options.logger.warn({ err: error }, 'cannot accept a connection for metrics');
    });
  }

  /** Why metrics are not served; undefined while they are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves once the address is bound, or could not be and will be tried again. */
  async start(): Promise<void> {
    const { address, logger, onStatus, retryMilliseconds = RETRY_MILLISECONDS } = this.options;
    const colon = address.lastIndexOf(':');
    const before = this.#problem;
    try {
      this.#server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''));
      await once(this.#server, 'listening');
      this.#problem = undefined;
      if (before !== undefined) logger.info({ address }, 'metrics are served now');
    } catch (error) {
      this.#problem = `metrics are not served on ${address}: ${(error as Error).message}; trying again`;
      if (before !== this.#problem) logger.warn({ address, err: error }, this.#problem);
      this.#retry = setTimeout(() => void this.start(), retryMilliseconds).unref();
    }
    if (before !== this.#problem) onStatus();
  }

  /** Where it listens; undefined while it does not. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #admit(socket: Socket): void {
    this.#sockets.add(socket);
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#idle.delete(socket);
    });
    if (this.#sockets.size <= CONNECTIONS_MAX) return;
    const [longest = socket] = this.#idle;
    this.#sockets.delete(longest);
    this.#idle.delete(longest);
    this.closedConnections++;
    longest.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, method, url = '' } = request;
    this.#idle.delete(socket);
    response.once('close', () => {
      if (this.#sockets.has(socket)) this.#idle.add(socket);
    });
    if ((method !== 'GET' && method !== 'HEAD') || url.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end('metrics are at /metrics\n');
      return;
    }
    try {
      const { registry } = this.options;
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } catch (error) {
      response.writeHead(500).end(`${(error as Error).message}\n`);
    }
  }
}
