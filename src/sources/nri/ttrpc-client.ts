import { Request, Response } from '../../generated/ttrpc/ttrpc.js';
import { encodeMessage, type Message, MessageType, messageReader, Status, TtrpcError } from './ttrpc.js';

interface PendingCall {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Calls methods over one connection. */
export class TtrpcClient {
  readonly #write: (bytes: Buffer) => void;
  readonly #pending = new Map<number, PendingCall>();
  readonly #reader = messageReader((message) => this.#settle(message));
  #nextStream = 1;
  #closed: Error | undefined;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** Returns the response's payload; rejects with a TtrpcError where the call fails or is not answered in time. */
  call(service: string, method: string, payload: Uint8Array, milliseconds: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw this.#closed;
      const stream = this.#nextStream;
      this.#nextStream += 2;
      const timeoutNano = BigInt(milliseconds) * 1_000_000n;
      const request = Request.encode({ service, method, payload, timeoutNano }).finish();
      const message = encodeMessage(stream, MessageType.REQUEST, request);
      const timer = setTimeout(() => {
        this.#pending.delete(stream);
        reject(new TtrpcError(Status.DEADLINE_EXCEEDED, `no answer to ${method} within ${milliseconds} ms`));
      }, milliseconds);
      this.#pending.set(stream, { resolve, reject, timer });
      this.#write(message);
    });
  }

  /** @throws Error if the peer violates the protocol */
  receive(bytes: Buffer): void {
    this.#reader.receive(bytes);
  }

  /** Fails what is not answered yet, and every later call. */
  close(cause: Error): void {
    this.#closed = cause;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(cause);
    }
    this.#pending.clear();
  }

  #settle({ stream, type, body }: Message): void {
    const call = this.#pending.get(stream);
    // An answer after the deadline is ignored.
    if (type !== MessageType.RESPONSE || call === undefined) return;
    this.#pending.delete(stream);
    clearTimeout(call.timer);
    const { status, payload } = Response.decode(body);
    if (status === undefined || status.code === Status.OK) call.resolve(payload);
    else call.reject(new TtrpcError(status.code, status.message));
  }
}
