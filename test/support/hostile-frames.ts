import fc from 'fast-check';

/** HTTP/2 frames of every type, valid and invalid, in and out of order. */

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const CONTINUATION = 9;
const END_HEADERS = 4;
/** The types of RFC 9113, ALTSVC and ORIGIN, and one that does not exist. */
const TYPES = [DATA, HEADERS, 2, RST_STREAM, SETTINGS, 5, PING, 7, 8, CONTINUATION, 10, 12, 200];
const LONGEST_LENGTH = 2 ** 24 - 1;
const REPEATED = 300;

/** @param length what the header claims, true or not */
function frame(type: number, flags: number, stream: number, payload: Uint8Array, length = payload.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** A literal field of a header block, without compression. */
function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
}

const CALL = Buffer.concat([
  field(':method', 'POST'),
  field(':scheme', 'http'),
  field(':path', '/hauberk.v1.HostService/GetStatus'),
  field(':authority', 'localhost'),
  field('content-type', 'application/grpc'),
  field('te', 'trailers'),
]);

const streams = fc.constantFrom(0, 1, 2, 3, 5, 2 ** 31 - 1, 2 ** 31 + 1);
const flags = fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d, 0xff);
/** Settings, increments and priorities are most interesting at their first and last values. */
const words = fc
  .array(fc.constantFrom(0, 1, 2 ** 14, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1), { maxLength: 6 })
  .map((numbers) => Buffer.concat(numbers.map((number) => Buffer.from(Uint32Array.of(number).buffer).reverse())));
const settings = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0, 1, 16_384, 2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1)))
  .map((pairs) =>
    Buffer.concat(
      pairs.map(([name, value]) => {
        const bytes = Buffer.alloc(6);
        bytes.writeUInt16BE(name, 0);
        bytes.writeUInt32BE(value, 2);
        return bytes;
      }),
    ),
  );
const payloads = fc.oneof(fc.uint8Array({ maxLength: 40 }), words, settings, fc.constant(CALL));
const lengths = fc.option(fc.constantFrom(0, 1, 16_384, 16_385, LONGEST_LENGTH), { freq: 8 });

const anyFrame = fc
  .tuple(fc.constantFrom(...TYPES), flags, streams, payloads, lengths)
  .map(([type, ...rest]) => frame(type, rest[0], rest[1], rest[2], rest[3] ?? undefined));
const call = fc.constantFrom(1, 3, 5, 7).map((stream) => frame(HEADERS, END_HEADERS, stream, CALL));
const body = fc
  .tuple(fc.constantFrom(1, 3, 5, 7), fc.uint8Array({ maxLength: 20 }), fc.boolean())
  .map(([stream, bytes, isLast]) => frame(DATA, Number(isLast), stream, bytes));
/** Many frames of one kind, like known denial-of-service attacks. */
const floods = fc.constantFrom(
  // Calls that are reset at once.
  (index: number) => [
    frame(HEADERS, END_HEADERS, 2 * index + 1, CALL),
    frame(RST_STREAM, 0, 2 * index + 1, Buffer.alloc(4)),
  ],
  () => [frame(PING, 0, 0, Buffer.alloc(8))],
  () => [frame(SETTINGS, 0, 0, Buffer.alloc(0))],
  // A header block that does not end.
  (index: number) => [frame(index === 0 ? HEADERS : CONTINUATION, 0, 1, field('x', 'y'))],
  () => [frame(DATA, 0, 1, Buffer.alloc(0))],
);
const flood = floods.map((make) => Buffer.concat(Array.from({ length: REPEATED }, (_, index) => make(index)).flat()));

/** The bytes of one connection. */
export const connectionBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
  {
    arbitrary: fc
      .array(
        fc.oneof(
          { arbitrary: anyFrame, weight: 6 },
          { arbitrary: call, weight: 4 },
          { arbitrary: body, weight: 2 },
          { arbitrary: flood, weight: 1 },
        ),
        { minLength: 1, maxLength: 12 },
      )
      .map((all) => Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0)), ...all])),
    weight: 9,
  },
);
