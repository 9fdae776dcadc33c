import { FrameReader } from './frames.js';
import { MESSAGE_BYTES_MAX } from './ttrpc.js';

const HEAD_BYTES = 8;
/** containerd reads each frame at once into a buffer of this size, and ends the connection where one does not fit. */
const WRITTEN_BYTES_MAX = 4096;

/** Carries several connections, each known by a number, over one socket. NRI opens them without notifying the peer. */
export class Multiplexer {
  readonly #write: (bytes: Buffer) => void;
  readonly #connections = new Map<number, (bytes: Buffer) => void>();
  readonly #reader = new FrameReader(
    { headBytes: HEAD_BYTES, lengthOffset: 4, bodyBytesMax: MESSAGE_BYTES_MAX },
    // Data for a connection that is not open is ignored, as in containerd.
    (head, body) => this.#connections.get(head.readUInt32BE(0))?.(body),
  );

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** Returns what writes to the connection; its bytes come in pieces as they were sent. */
  open(connection: number, onBytes: (bytes: Buffer) => void): (bytes: Buffer) => void {
    this.#connections.set(connection, onBytes);
    return (bytes) => {
      for (let start = 0; start < bytes.length; start += WRITTEN_BYTES_MAX) {
        const body = bytes.subarray(start, start + WRITTEN_BYTES_MAX);
        const head = Buffer.alloc(HEAD_BYTES);
        head.writeUInt32BE(connection, 0);
        head.writeUInt32BE(body.length, 4);
        this.#write(Buffer.concat([head, body]));
      }
    };
  }

  /** @throws Error if the peer violates the protocol; nothing can be read after that. */
  receive(chunk: Buffer): void {
    this.#reader.receive(chunk);
  }
}
