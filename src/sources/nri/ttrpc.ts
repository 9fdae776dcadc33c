import { FrameReader } from './frames.js';

const HEAD_BYTES = 10;
const BODY_BYTES_MAX = 4 << 20;
/** A message with its head, as ttrpc limits it. */
export const MESSAGE_BYTES_MAX = HEAD_BYTES + BODY_BYTES_MAX;

/** Codes of gRPC, which are ttrpc's. */
export const Status = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
} as const;

/** A call that failed: its code and message go to the peer, or came from there. */
export class TtrpcError extends Error {
  override readonly name = 'TtrpcError';

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export const MessageType = { REQUEST: 1, RESPONSE: 2 } as const;

export interface Message {
  /** Chosen by the caller: odd, and never used twice. */
  readonly stream: number;
  readonly type: number;
  /** Not 0 where the call is more than one request and one response. */
  readonly flags: number;
  readonly body: Buffer;
}

export function messageReader(onMessage: (message: Message) => void): FrameReader {
  return new FrameReader({ headBytes: HEAD_BYTES, lengthOffset: 0, bodyBytesMax: BODY_BYTES_MAX }, (head, body) =>
    onMessage({ stream: head.readUInt32BE(4), type: head.readUInt8(8), flags: head.readUInt8(9), body }),
  );
}

/** @throws TtrpcError where the body is larger than ttrpc allows */
export function encodeMessage(stream: number, type: number, body: Uint8Array): Buffer {
  if (body.length > BODY_BYTES_MAX)
    throw new TtrpcError(Status.RESOURCE_EXHAUSTED, `${body.length} bytes do not fit into a message of ttrpc`);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt32BE(stream, 4);
  head.writeUInt8(type, 8);
  return Buffer.concat([head, body]);
}
