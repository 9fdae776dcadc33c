import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Failure } from '../failure.js';

/** Stands in place of a request that is not a message of its type, so that a handler can refuse it with the reason. */
export class Undecodable {
  constructor(readonly failure: Failure) {}
}

/** A large request that is not decoded yet: its handler has it decoded in another thread. */
export class Encoded {
  constructor(readonly bytes: Uint8Array) {}
}

/** Longer requests are passed on undecoded if their handler supports it. */
export const HAND_OVER_BYTES = 4 * 1024;
/** Longer requests are refused otherwise: they contain no policies, and decoding blocks the event loop. */
const DECODED_BYTES_MAX = 128 * 1024;

/** The same decoder for short requests only, which those of most methods are. */
export function boundedDecoderOf<Request>(
  decode: (bytes: Buffer) => Request | Undecodable,
): (bytes: Buffer) => Request | Undecodable {
  return (bytes) => {
    if (bytes.length <= DECODED_BYTES_MAX) return decode(bytes);
    const message = `the request is ${bytes.length} bytes long, at most ${DECODED_BYTES_MAX} are accepted by this method`;
    return new Undecodable(new Failure('resource-exhausted', message));
  };
}

/** A deserializer that takes short messages only, for a stream of requests: grpc-js ends the call with what it throws. */
export function shortOnly<Request>(deserialize: (bytes: Buffer) => Request): (bytes: Buffer) => Request {
  return (bytes) => {
    if (bytes.length > DECODED_BYTES_MAX) throw new Error(`at most ${DECODED_BYTES_MAX} bytes are accepted`);
    return deserialize(bytes);
  };
}

/** The same decoder for requests that may be passed on undecoded. */
export function handingDecoderOf<Request>(
  decode: (bytes: Buffer) => Request | Undecodable,
): (bytes: Buffer) => Request | Undecodable | Encoded {
  // A copy, since the bytes are in the connection's read buffer.
  return (bytes) => (bytes.length > HAND_OVER_BYTES ? new Encoded(Uint8Array.from(bytes)) : decode(bytes));
}

/**
 * Wraps the deserializer of a request: what it throws, which grpc-js would answer with INTERNAL, becomes an Undecodable.
 */
export function decoderOf<Request>(deserialize: (bytes: Buffer) => Request): (bytes: Buffer) => Request | Undecodable {
  return (bytes) => {
    try {
      return deserialize(bytes);
    } catch (error) {
      const message = `the request cannot be decoded: ${(error as Error).message}`;
      return new Undecodable(new Failure('invalid-argument', message));
    }
  };
}

/** The same for a deserializer made by ts-proto, which takes a reader as well; none of the bytes may be skipped. */
export function strictDecoderOf<Request>(deserialize: (input: Buffer) => Request) {
  return decoderOf((bytes) => {
    const reader = new StrictReader(bytes);
    const request = deserialize(reader as BinaryReader & Buffer);
    if (reader.pos < reader.len) throw new Error(`no field begins at byte ${reader.pos}`);
    return request;
  });
}

/** Rejects what would be replaced or lost. */
export class StrictReader extends BinaryReader {
  /** Without `strict` what is not UTF-8 would be replaced: a rule would cover another path than the one that was sent. */
  override string(): string {
    const text = super.string(true);
    // As the key of a map it would be lost, and a selector without its label reaches more.
    if (text === '__proto__') throw new Error('the text `__proto__` is not accepted');
    return text;
  }
}
