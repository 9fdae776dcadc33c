import { Request, Response } from '../../generated/ttrpc/ttrpc.js';
import { encodeMessage, type Message, MessageType, messageReader, Status, TtrpcError } from './ttrpc.js';

/** More at once are refused: containerd sends one after the other. */
const CALLS_MAX = 64;
const ERROR_TEXT_MAX = 1024;

/**
 * Takes the request's payload and how long the caller waits, undefined where it does not say; returns the response's
 * payload. A TtrpcError thrown is the caller's answer, any other error becomes INTERNAL with its message.
 */
export type Method = (payload: Uint8Array, milliseconds: number | undefined) => Uint8Array | Promise<Uint8Array>;

/** Answers the calls of one service over one connection: one request, one response. */
export class TtrpcServer {
  readonly #service: string;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #write: (bytes: Buffer) => void;
  readonly #reader = messageReader((message) => this.#receiveMessage(message));
  #lastStream = 0;
  #calls = 0;

  constructor(service: string, methods: Readonly<Record<string, Method>>, write: (bytes: Buffer) => void) {
    this.#service = service;
    this.#methods = new Map(Object.entries(methods));
    this.#write = write;
  }

  /** @throws Error if the peer violates the protocol */
  receive(bytes: Buffer): void {
    this.#reader.receive(bytes);
  }

  #receiveMessage({ stream, type, flags, body }: Message): void {
    if (type !== MessageType.REQUEST) return;
    void this.#respond(stream, flags, body).then(this.#write);
  }

  /** Never rejects, since the rejection would not be handled. */
  async #respond(stream: number, flags: number, body: Buffer): Promise<Buffer> {
    this.#calls++;
    try {
      const payload = await this.#call(stream, flags, body);
      return encodeResponse(stream, { status: undefined, payload });
    } catch (error) {
      const code = error instanceof TtrpcError ? error.code : Status.INTERNAL;
      const message = (error as Error).message.slice(0, ERROR_TEXT_MAX);
      return encodeResponse(stream, { status: { code, message }, payload: new Uint8Array() });
    } finally {
      this.#calls--;
    }
  }

  #call(stream: number, flags: number, body: Buffer): Uint8Array | Promise<Uint8Array> {
    if (stream % 2 !== 1 || stream <= this.#lastStream)
      throw new TtrpcError(Status.INVALID_ARGUMENT, `stream ${stream} must be odd, and above ${this.#lastStream}`);
    this.#lastStream = stream;
    if (flags !== 0) throw new TtrpcError(Status.UNIMPLEMENTED, 'streams of messages are not served');
    if (this.#calls > CALLS_MAX)
      throw new TtrpcError(Status.RESOURCE_EXHAUSTED, `more than ${CALLS_MAX} calls at once`);
    const { service, method, payload, timeoutNano } = decodeRequest(body);
    const implementation = service === this.#service ? this.#methods.get(method) : undefined;
    if (implementation === undefined) throw new TtrpcError(Status.UNIMPLEMENTED, `${service}/${method} is not served`);
    return implementation(payload, timeoutNano > 0n ? Number(timeoutNano) / 1e6 : undefined);
  }
}

function decodeRequest(body: Buffer): Request {
  try {
    return Request.decode(body);
  } catch (error) {
    throw new TtrpcError(Status.INVALID_ARGUMENT, `a request that cannot be read: ${(error as Error).message}`);
  }
}

function encodeResponse(stream: number, response: Response): Buffer {
  return encodeMessage(stream, MessageType.RESPONSE, Response.encode(response).finish());
}
