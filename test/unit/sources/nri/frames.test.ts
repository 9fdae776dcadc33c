import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from '../../../../src/sources/nri/frames.js';
import { Multiplexer } from '../../../../src/sources/nri/mux.js';
import { encodeMessage, MESSAGE_BYTES_MAX, messageReader } from '../../../../src/sources/nri/ttrpc.js';

/** Splits the bytes at the given positions. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function muxFrame(connection: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(connection, 0);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

const cuts = fc.array(fc.nat(), { maxLength: 30 });
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

test('frames are read completely and in order, however their bytes are split or combined', () => {
  fc.assert(
    fc.property(fc.array(body, { maxLength: 8 }), cuts, (bodies, cuts) => {
      const read: Buffer[] = [];
      const reader = new FrameReader({ headBytes: 8, lengthOffset: 4, bodyBytesMax: 300 }, (_head, body) => {
        read.push(Buffer.from(body));
      });
      for (const piece of split(Buffer.concat(bodies.map((body) => muxFrame(1, body))), cuts)) reader.receive(piece);
      assert.deepEqual(read, bodies);
    }),
  );
});

test('messages of several connections on one socket arrive at their connection', () => {
  const message = fc.record(
    { connection: fc.constantFrom(1, 2), size: fc.nat({ max: 9000 }), stream: fc.nat() },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), cuts, (messages, cuts) => {
      const wire: Buffer[] = [];
      const sender = new Multiplexer((bytes) => wire.push(bytes));
      const write = new Map([1, 2].map((connection) => [connection, sender.open(connection, () => undefined)]));
      for (const { connection, size, stream } of messages)
        write.get(connection)!(encodeMessage(stream, 1, Buffer.alloc(size, stream)));

      const read: { connection: number; size: number; stream: number }[] = [];
      const receiver = new Multiplexer(() => undefined);
      for (const connection of [1, 2]) {
        const reader = messageReader(({ stream, body }) => {
          assert.ok(body.every((byte) => byte === stream % 256));
          read.push({ connection, size: body.length, stream });
        });
        receiver.open(connection, (bytes) => reader.receive(bytes));
      }
      for (const piece of split(Buffer.concat(wire), cuts)) receiver.receive(piece);
      for (const connection of [1, 2])
        assert.deepEqual(
          read.filter((one) => one.connection === connection),
          messages.filter((one) => one.connection === connection),
        );
    }),
  );
});

test('no frame is larger than containerd can read at once', () => {
  const wire: Buffer[] = [];
  new Multiplexer((bytes) => wire.push(bytes)).open(1, () => undefined)(Buffer.alloc(10_000));
  assert.deepEqual(
    wire.map((frame) => frame.length - 8),
    [4096, 4096, 1808],
  );
});

test('a frame larger than any message of ttrpc is refused by its header', () => {
  const multiplexer = new Multiplexer(() => undefined);
  const head = muxFrame(1, Buffer.alloc(0));
  head.writeUInt32BE(MESSAGE_BYTES_MAX, 4);
  multiplexer.receive(head.subarray(0, 8));
  const larger = new Multiplexer(() => undefined);
  head.writeUInt32BE(MESSAGE_BYTES_MAX + 1, 4);
  assert.throws(() => larger.receive(head), /a frame of 4194315 bytes, where at most 4194314 are allowed/);
});

test('a message larger than ttrpc allows is refused by its header, and not written', () => {
  const reader = messageReader(() => assert.fail('it was read'));
  const head = encodeMessage(1, 1, Buffer.alloc(0));
  head.writeUInt32BE(0xffffffff, 0);
  assert.throws(() => reader.receive(head), /a frame of 4294967295 bytes/);
  assert.throws(() => encodeMessage(1, 1, Buffer.alloc(MESSAGE_BYTES_MAX)), /do not fit into a message/);
});

test('data for a connection that is not open is ignored', () => {
  const read: string[] = [];
  const multiplexer = new Multiplexer(() => undefined);
  multiplexer.open(1, (bytes) => read.push(bytes.toString()));
  multiplexer.receive(Buffer.concat([muxFrame(7, Buffer.from('lost')), muxFrame(1, Buffer.from('found'))]));
  assert.deepEqual(read, ['found']);
});
