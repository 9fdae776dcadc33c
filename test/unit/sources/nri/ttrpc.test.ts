import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request, Response } from '../../../../src/generated/ttrpc/ttrpc.js';
import { encodeMessage, MessageType, messageReader, Status, TtrpcError } from '../../../../src/sources/nri/ttrpc.js';
import { TtrpcClient } from '../../../../src/sources/nri/ttrpc-client.js';
import { type Method, TtrpcServer } from '../../../../src/sources/nri/ttrpc-server.js';

const SERVICE = 'example.Service';

/** A client and a server that are connected in memory. */
function connected(methods: Record<string, Method>): TtrpcClient {
  const server: TtrpcServer = new TtrpcServer(SERVICE, methods, (bytes) => client.receive(bytes));
  const client = new TtrpcClient((bytes) => server.receive(bytes));
  return client;
}

/** Sends messages to a server, one after the other; returns its responses. */
async function answersTo(methods: Record<string, Method>, ...messages: Buffer[]): Promise<object[]> {
  const answers: object[] = [];
  const reader = messageReader(({ stream, body }) => {
    const { status, payload } = Response.decode(body);
    answers.push({ stream, code: status?.code ?? 0, text: status?.message ?? Buffer.from(payload).toString() });
  });
  const server = new TtrpcServer(SERVICE, methods, (bytes) => reader.receive(bytes));
  for (const message of messages) {
    server.receive(message);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answers;
}

function request(stream: number, fields: Partial<Request> = {}, flags = 0): Buffer {
  const message = { service: SERVICE, method: 'Echo', payload: Buffer.from('text'), timeoutNano: 0n, ...fields };
  const bytes = encodeMessage(stream, MessageType.REQUEST, Request.encode(message).finish());
  bytes.writeUInt8(flags, 9);
  return bytes;
}

const echo: Method = (payload) => payload;

test('a call returns the payload of its own response, even if a later call is answered first', async () => {
  let release = (): void => undefined;
  const client = connected({
    Slow: async (payload) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return payload;
    },
    Echo: echo,
  });
  const slow = client.call(SERVICE, 'Slow', Buffer.from('slow'), 1000);
  assert.equal(Buffer.from(await client.call(SERVICE, 'Echo', Buffer.from('quick'), 1000)).toString(), 'quick');
  release();
  assert.equal(Buffer.from(await slow).toString(), 'slow');
});

test('an unknown method or service returns UNIMPLEMENTED', async () => {
  const client = connected({ Echo: echo });
  for (const [service, method] of [
    [SERVICE, 'Other'],
    [SERVICE, 'constructor'],
    ['other.Service', 'Echo'],
  ] as const)
    await assert.rejects(client.call(service, method, Buffer.alloc(0), 1000), {
      code: Status.UNIMPLEMENTED,
      message: `${service}/${method} is not served`,
    });
});

test("a method's error reaches the caller with its code and text", async () => {
  const client = connected({
    Refuse: () => {
      throw new TtrpcError(Status.FAILED_PRECONDITION, 'not now');
    },
    Fail: async () => {
      throw new TypeError('a mistake');
    },
  });
  await assert.rejects(client.call(SERVICE, 'Refuse', Buffer.alloc(0), 1000), { code: 9, message: 'not now' });
  await assert.rejects(client.call(SERVICE, 'Fail', Buffer.alloc(0), 1000), { code: 13, message: 'a mistake' });
});

test('a call ends at its deadline, which the method knows, and a late response is ignored', async () => {
  const reported: unknown[] = [];
  const client = connected({
    Late: async (payload, milliseconds) => {
      reported.push(milliseconds);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return payload;
    },
    Echo: echo,
  });
  await assert.rejects(client.call(SERVICE, 'Late', Buffer.alloc(0), 10), {
    code: Status.DEADLINE_EXCEEDED,
    message: 'no answer to Late within 10 ms',
  });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(Buffer.from(await client.call(SERVICE, 'Echo', Buffer.from('still'), 1000)).toString(), 'still');
  assert.deepEqual(reported, [10]);
});

test('pending and later calls on a lost connection fail with its cause', async () => {
  const client = new TtrpcClient(() => undefined);
  const waiting = client.call(SERVICE, 'Echo', Buffer.alloc(0), 1000);
  client.close(new Error('the peer is gone'));
  await assert.rejects(waiting, /the peer is gone/);
  await assert.rejects(client.call(SERVICE, 'Echo', Buffer.alloc(0), 1000), /the peer is gone/);
});

test('a stream number that is even or was used before is refused', async () => {
  const text = (stream: number, last: number) => `stream ${stream} must be odd, and above ${last}`;
  assert.deepEqual(await answersTo({ Echo: echo }, request(2), request(5), request(5), request(3), request(7)), [
    { stream: 2, code: 3, text: text(2, 0) },
    { stream: 5, code: 0, text: 'text' },
    { stream: 5, code: 3, text: text(5, 5) },
    { stream: 3, code: 3, text: text(3, 5) },
    { stream: 7, code: 0, text: 'text' },
  ]);
});

test('streaming calls are refused, and messages that are not requests are ignored', async () => {
  const data = encodeMessage(1, 3, Buffer.from('data'));
  assert.deepEqual(await answersTo({ Echo: echo }, request(1, {}, 2), data, request(3)), [
    { stream: 1, code: Status.UNIMPLEMENTED, text: 'streams of messages are not served' },
    { stream: 3, code: 0, text: 'text' },
  ]);
});

test('an invalid request returns INVALID_ARGUMENT', async () => {
  const broken = encodeMessage(1, MessageType.REQUEST, Buffer.from([0x0a, 0xff]));
  const [answer] = await answersTo({ Echo: echo }, broken);
  assert.equal((answer as { code: number }).code, Status.INVALID_ARGUMENT);
});

test('more than 64 concurrent calls are refused', async () => {
  const never = () => new Promise<Uint8Array>(() => undefined);
  const requests = Array.from({ length: 65 }, (_, index) => request(2 * index + 1, { method: 'Never' }));
  assert.deepEqual(await answersTo({ Never: never }, ...requests), [
    { stream: 129, code: Status.RESOURCE_EXHAUSTED, text: 'more than 64 calls at once' },
  ]);
});
