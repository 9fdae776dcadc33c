import { BinaryReader } from '@bufbuild/protobuf/wire';

/** Stands in the place of a request that is no message of its type, so that a handler can refuse it with the reason. */
export class Undecodable {
  constructor(readonly reason: string) {}
}

/**
 * Wraps the deserializer of a request: what it throws, which grpc-js would answer with INTERNAL, becomes an Undecodable.
 */
export function decoderOf<Request>(deserialize: (bytes: Buffer) => Request): (bytes: Buffer) => Request | Undecodable {
  return (bytes) => {
    try {
      return deserialize(bytes);
    } catch (error) {
      return new Undecodable((error as Error).message);
    }
  };
}

/** The same for a deserializer made by ts-proto, which takes a reader as well; nothing of the bytes is passed over. */
export function strictDecoderOf<Request>(deserialize: (input: Buffer) => Request) {
  return decoderOf((bytes) => {
    const reader = new StrictReader(bytes);
    const request = deserialize(reader as BinaryReader & Buffer);
    if (reader.pos < reader.len) throw new Error(`no field begins at byte ${reader.pos}`);
    return request;
  });
}

class StrictReader extends BinaryReader {
  /** Without `strict` what is not UTF-8 would be replaced: a rule would speak of another path than the one that was sent. */
  override string(): string {
    const text = super.string(true);
    // As the key of a map it would be lost, and a selector without its label reaches more.
    if (text === '__proto__') throw new Error('the text `__proto__` is not taken');
    return text;
  }
}
