import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { SourceStatus } from '../control/protection.js';
import { peerCredentialsOf } from '../sockets/peer-credentials.js';
import { placeSocket } from '../sockets/unix-socket.js';
import { trueCause } from './failure-cause.js';
import { type HookAnswer, type HookRequest, readHookRequest, writeHookAnswer } from './hook-request.js';
import type { SourceLogger } from './source.js';

const REQUEST_BYTES_MAX = 256 * 1024;
const READ_MILLISECONDS = 5000;
/** More wait, in the order in which they came. */
const UNDER_WAY_MAX = 100;
const CONNECTIONS_MAX = 2000;
const CLOSE_MILLISECONDS = 1000;
const OWNER_ONLY = 0o600;

export interface HookServerOptions {
  /** Path of the socket. */
  readonly path: string;
  readonly answer: (request: HookRequest) => Promise<HookAnswer>;
  readonly counts: IntakeCounts;
  readonly logger: SourceLogger;
  readonly onStatus: () => void;
  /** Milliseconds in which a request must have been sent. */
  readonly readMilliseconds?: number;
  /** Most connections at a time; those beyond are closed unanswered. */
  readonly connectionsMax?: number;
}

/**
 * The socket on which the runtimes' hook asks for a container to be protected: a request is one JSON object, up to the
 * end of the input, the answer is one line.
 */
export class HookServer {
  readonly #options: HookServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  #remove: (() => Promise<void>) | undefined;
  /** The inode of the socket when it was created. */
  #inode: number | undefined;
  #reason = 'not listening yet';

  constructor(options: HookServerOptions) {
    this.#options = options;
    // The hook ends its half of the connection before it is answered.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    this.#server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
    // A connection could not be accepted, since there is no memory for example: the server continues.
    this.#server.on('error', (error) => {
      if (this.#server.listening)
        options.logger.warn({ err: error }, "cannot accept a connection on the hook's socket");
    });
    this.#server.on('drop', () => {
      options.counts.rejectedRequests++;
      options.logger.warn(
        { connections: this.#server.maxConnections },
        "the hook's socket has reached its limit of connections",
      );
    });
  }

  /** Also false once something else has removed the socket: nobody could connect any more. */
  get isListening(): boolean {
    return this.#remove !== undefined && inodeAt(this.#options.path) === this.#inode;
  }

  /** Listens; where that fails the status says why, and it can be tried again. */
  async listen(): Promise<void> {
    const { path, logger, onStatus } = this.#options;
    if (this.#remove !== undefined) {
      logger.warn({ socket: path }, "the hook's socket was removed by something else: it is created again");
      this.#remove = undefined;
      // Those that are connected still get their answers.
      this.#server.close();
    }
    try {
      this.#remove = await placeSocket(path, OWNER_ONLY, async (place) => {
        this.#server.listen(place);
        await once(this.#server, 'listening');
      });
      this.#inode = inodeAt(path);
      this.#reason = '';
      logger.info({ socket: path }, "listening for the runtimes' hook: container starts wait for their policies");
    } catch (error) {
      this.#server.close();
      const reason = trueCause(error);
      if (reason !== this.#reason) logger.warn({ socket: path, reason }, 'cannot listen for the hook of runtimes');
      this.#reason = reason;
    }
    onStatus();
  }

  /** Removes the socket; requests under way have a moment to be answered. */
  async close(): Promise<void> {
    await this.#remove?.();
    this.#remove = undefined;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const grace = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_MILLISECONDS);
    await closed;
    clearTimeout(grace);
  }

  status(): Pick<SourceStatus, 'name' | 'address' | 'connected' | 'reason'> {
    const { path } = this.#options;
    const connected = this.isListening;
    const isLost = !connected && this.#remove !== undefined;
    return { name: 'hook', address: path, connected, reason: isLost ? 'something else has removed it' : this.#reason };
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Nobody waits for the answer any more.
    socket.on('error', () => socket.destroy());
    try {
      const answer = await this.#answer(socket);
      send(socket, answer);
    } catch (error) {
      const { counts, logger } = this.#options;
      counts.rejectedRequests++;
      const reason = trueCause(error);
      logger.warn({ reason }, "a request on the hook's socket is rejected");
      send(socket, { outcome: 'unprotected', reason: `the request: ${reason}` });
    }
  }

  async #answer(socket: Socket): Promise<HookAnswer> {
    const { uid } = peerCredentialsOf(socket);
    if (uid !== 0 && uid !== process.geteuid?.()) throw new Error(`it comes from user ${uid}`);
    const text = await readToEnd(socket, this.#options.readMilliseconds ?? READ_MILLISECONDS);
    const request = readHookRequest(text);
    await this.#waitForPlace();
    try {
      return await this.#options.answer(request);
    } finally {
      this.#underWay--;
      this.#waiting.shift()?.();
    }
  }

  async #waitForPlace(): Promise<void> {
    if (this.#underWay >= UNDER_WAY_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#underWay++;
  }
}

function inodeAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

function send(socket: Socket, answer: HookAnswer): void {
  if (!socket.destroyed) socket.end(writeHookAnswer(answer), () => socket.destroy());
}

/** @throws Error when too much is sent, or not all of it in time */
function readToEnd(socket: Socket, milliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const late = () => reject(new Error(`it was not sent within ${milliseconds} ms`));
    // What has arrived is read first, and then its end: where this process had to wait, all of it may have long since.
    const timer = setTimeout(() => setImmediate(() => setImmediate(late)), milliseconds);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= REQUEST_BYTES_MAX) chunks.push(chunk);
      else reject(new Error(`it is longer than ${REQUEST_BYTES_MAX} bytes`));
    });
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the connection was given up'));
    });
  });
}
