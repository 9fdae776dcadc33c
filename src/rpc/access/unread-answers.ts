import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/**
 * A client that has a call's worth of answers left unread may still make calls on a connection without any, so that one
 * program of a user does not block the others; this many times the limit blocks all of them.
 */
const OTHER_CONNECTIONS_FACTOR = 4;

interface Waiting {
  readonly connection: object;
  readonly proceed: () => void;
}

/**
 * The answers that are in memory because their clients have not read them, as HTTP/2 allows. A client that has left too
 * many unread has to wait with further calls, and one that does not read an answer in time loses it.
 */
export class UnreadAnswers {
  readonly #byClient = new Map<string, number>();
  readonly #byConnection = new WeakMap<object, number>();
  readonly #waiting = new Map<string, Set<Waiting>>();

  /**
   * @param maximumBytes of one client
   * @param seconds for one answer
   */
  constructor(
    private readonly maximumBytes: number,
    private readonly seconds: number,
  ) {}

  /** Bytes of all clients. */
  get bytes(): number {
    return [...this.#byClient.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /**
   * Lets a call continue, at once or when its client has read enough.
   *
   * @returns a function that gives up the place in the queue
   */
  admit(client: string, connection: object, proceed: () => void): () => void {
    if (this.#hasRoom(client, connection)) {
      proceed();
      return () => undefined;
    }
    const waiting = { connection, proceed };
    const queue = this.#waiting.get(client) ?? new Set();
    this.#waiting.set(client, queue.add(waiting));
    return () => {
      queue.delete(waiting);
      if (queue.size === 0 && this.#waiting.get(client) === queue) this.#waiting.delete(client);
    };
  }

  /**
   * An answer is on its way.
   *
   * @param onTimeout called when it was not taken in time; the call is over then
   * @returns a function to call when it was read
   */
  sent(
    client: string,
    connection: object,
    call: ServerInterceptingCallInterface,
    bytes: number,
    onTimeout: () => void,
  ): () => void {
    const stream = streamOf(call);
    // A finished call has nothing to wait for.
    if (stream.destroyed) return () => undefined;
    const timer = setTimeout(() => {
      onTimeout();
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }, this.seconds * 1000);
    let isTaken = false;
    const taken = () => {
      if (isTaken) return;
      isTaken = true;
      clearTimeout(timer);
      stream.off('close', taken);
      this.#add(client, connection, -bytes);
      this.#proceed(client);
    };
    this.#add(client, connection, bytes);
    stream.once('close', taken);
    return taken;
  }

  #hasRoom(client: string, connection: object): boolean {
    const bytes = this.#byClient.get(client) ?? 0;
    if (bytes < this.maximumBytes) return true;
    return !this.#byConnection.has(connection) && bytes < OTHER_CONNECTIONS_FACTOR * this.maximumBytes;
  }

  #add(client: string, connection: object, bytes: number): void {
    const ofClient = (this.#byClient.get(client) ?? 0) + bytes;
    if (ofClient > 0) this.#byClient.set(client, ofClient);
    else this.#byClient.delete(client);
    const ofConnection = (this.#byConnection.get(connection) ?? 0) + bytes;
    if (ofConnection > 0) this.#byConnection.set(connection, ofConnection);
    else this.#byConnection.delete(connection);
  }

  /** One after the other: the answer of each must be counted before the next may begin. */
  #proceed(client: string): void {
    const queue = this.#waiting.get(client);
    if (queue === undefined) return;
    const next = [...queue].find(({ connection }) => this.#hasRoom(client, connection));
    if (next === undefined) return;
    queue.delete(next);
    if (queue.size === 0) this.#waiting.delete(client);
    next.proceed();
    setImmediate(() => this.#proceed(client));
  }
}

/**
 * The HTTP/2 stream of a call as grpc-js hands it to the interceptor next to it. It is not part of the public
 * interface, but nothing else reports when an answer was sent or a client has gone;
 * test/unit/rpc/library-internals.test.ts pins it.
 */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  return (call as unknown as { readonly stream: ServerHttp2Stream }).stream;
}
