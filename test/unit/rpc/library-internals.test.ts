import assert from 'node:assert/strict';
import { connect as connectHttp2, constants, type ServerHttp2Stream } from 'node:http2';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import {
  Client,
  credentials,
  experimental,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
  type ServerOptions,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { ReflectionV1Implementation } from '@grpc/reflection/build/src/implementations/reflection-v1.js';
import { admitUnknownMethods } from '../../../src/rpc/access/unknown-methods.js';
import { until } from './access-support.js';
import { temporaryDirectory } from './support.js';

const require = createRequire(import.meta.url);

function assertVersion(name: string, version: string, places: string): void {
  const { version: installed } = require(`${name}/package.json`) as { version: string };
  assert.equal(
    installed,
    version,
    `${name} is ${installed} now. ${places} use parts of it that it promises to nobody, and were written for ${version}: read in its sources what the tests below name, then write the new version here.`,
  );
}

const same = (bytes: Buffer) => bytes;
const methodAt = (path: string, responseStream: boolean) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const DEFINITION = { unary: methodAt('/test.Test/Unary', false), stream: methodAt('/test.Test/Stream', true) };

const { unary, stream } = DEFINITION;
const HELLO = Buffer.from('hello');

type Call = ServerInterceptingCallInterface & { readonly stream: ServerHttp2Stream };
type Method = ServerMethodDefinition<unknown, unknown>;

/** What is asked of a server of grpc-js alone, with nothing of ours around it. */
interface Bare {
  readonly server: Server;
  readonly client: Client;
  /** Where it listens. */
  readonly path: string;
  /** The calls as the interceptor next to the transport is given them. */
  readonly calls: { readonly method: Method; readonly call: Call }[];
  /** How often each of them was reported as cancelled. */
  readonly cancelled: number[];
}

interface BareOptions {
  readonly onUnary?: (request: Buffer, respond: sendUnaryData<Buffer>) => void;
  readonly onStream?: (call: ServerWritableStream<Buffer, Buffer>) => void;
  readonly options?: ServerOptions;
  /** Called with each call before it starts. */
  readonly onCall?: (call: Call) => void;
}

async function serveBare(t: TestContext, { onUnary, onStream, options, onCall }: BareOptions = {}): Promise<Bare> {
  const calls: Bare['calls'][number][] = [];
  const cancelled: number[] = [];
  const interceptor: ServerInterceptor = (method, call) => {
    const index = calls.push({ method, call: call as Call }) - 1;
    cancelled[index] = 0;
    onCall?.(call as Call);
    return new ServerInterceptingCall(call, { start: (next) => next({ onCancel: () => void cancelled[index]!++ }) });
  };
  const server = new Server(options);
  server.addService(DEFINITION, {
    unary: ({ request }: { request: Buffer }, respond: sendUnaryData<Buffer>) =>
      onUnary === undefined ? respond(null, request) : onUnary(request, respond),
    stream: (call: ServerWritableStream<Buffer, Buffer>) => (onStream === undefined ? call.end() : onStream(call)),
  });
  const listener = createServer((socket) => {
    server
      .createConnectionInjector(
        experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [interceptor]),
      )
      .injectConnection(socket);
  });
  const path = join(temporaryDirectory(t), 'test.sock');
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  const client = new Client(`unix:${path}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  t.after(() => {
    client.close();
    server.forceShutdown();
    listener.close();
  });
  return { server, client, path, calls, cancelled };
}

/** The status of a unary call, and its answer where there is one. */
function callUnary(client: Client, path: string, request: Buffer) {
  return new Promise<{ code: status; answer: Buffer | undefined }>((resolve) => {
    client.makeUnaryRequest(path, same, same, request, (error, answer) =>
      resolve({ code: error?.code ?? status.OK, answer }),
    );
  });
}

/** A call of a client that leaves its deadline to the server. */
function callWithTimeout(t: TestContext, socketPath: string, timeout: string): void {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socketPath) });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const headers = { ':method': 'POST', ':path': unary.path, 'content-type': 'application/grpc', te: 'trailers' };
  const request = session.request({ ...headers, 'grpc-timeout': timeout });
  request.on('error', () => undefined);
  request.end(Buffer.alloc(5));
}

describe('of grpc-js 1.14.7, which src/rpc takes apart', () => {
  test('the version is that', () => {
    const places = 'src/rpc/access/{gate,unknown-methods,unread-answers}.ts and src/rpc/{handler,open-streams}.ts';
    assertVersion('@grpc/grpc-js', '1.14.7', places);
  });

  test('a server looks each method up in a map by its path, and interceptors are given the decoder found there', async (t) => {
    const { server, client, calls } = await serveBare(t, {
      onCall: (call) => call.sendStatus({ code: status.NOT_FOUND, details: 'seen' }),
    });
    const { handlers } = server as unknown as { handlers: unknown };
    assert.ok(handlers instanceof Map);
    const found = handlers.get(unary.path) as object;
    assert.deepEqual(Object.keys(found).sort(), ['deserialize', 'func', 'path', 'serialize', 'type']);
    admitUnknownMethods(server);
    assert.equal((await callUnary(client, '/test.Test/None', HELLO)).code, status.NOT_FOUND);
    assert.equal((await callUnary(client, unary.path, HELLO)).code, status.NOT_FOUND);
    const [unknown, known] = calls.map(({ method }) => method);
    assert.equal(unknown!.path, '/test.Test/None');
    assert.equal(typeof unknown!.requestDeserialize, 'function');
    assert.notEqual(unknown!.requestDeserialize, known!.requestDeserialize);
    assert.equal(known!.requestDeserialize, same);
  });

  test('the interceptors of a connection’s credentials are next to the transport, with the stream of HTTP/2 in `stream`', async (t) => {
    const outer: ServerInterceptingCallInterface[] = [];
    const { client, calls } = await serveBare(t, {
      options: {
        interceptors: [
          (_, call) => {
            outer.push(call);
            return new ServerInterceptingCall(call);
          },
        ],
      },
      onUnary: () => calls[0]!.call.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    });
    assert.equal((await callUnary(client, unary.path, HELLO)).code, status.RESOURCE_EXHAUSTED);
    const { call } = calls[0]!;
    assert.equal(call.stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    assert.ok(call.stream.destroyed);
    assert.ok(outer[0] instanceof ServerInterceptingCall && !(call instanceof ServerInterceptingCall));
  });

  test('what it ends by itself, it ends by `sendStatus` of that call, looked up at the time', async (t) => {
    const sent: (number | undefined)[] = [];
    const { client, path } = await serveBare(t, {
      options: { 'grpc.max_receive_message_length': 100 },
      onUnary: () => undefined,
      onCall: (call) => {
        const sendStatus = call.sendStatus.bind(call);
        call.sendStatus = (each) => {
          sent.push(each.code);
          sendStatus(each);
        };
      },
    });
    assert.equal((await callUnary(client, unary.path, Buffer.alloc(101))).code, status.RESOURCE_EXHAUSTED);
    callWithTimeout(t, path, '20m');
    await until(() => sent.length === 2);
    assert.deepEqual(sent, [status.RESOURCE_EXHAUSTED, status.DEADLINE_EXCEEDED]);
  });

  test('an answer goes through `sendMessage` of that call before it is encoded, which calls back once it is written', async (t) => {
    const order: string[] = [];
    const { client } = await serveBare(t, {
      onUnary: (request, respond) => respond(null, request),
      onCall: (call) => {
        const sendMessage = call.sendMessage.bind(call);
        call.sendMessage = (message, callback) => {
          order.push(`message ${message}`);
          sendMessage(Buffer.from('changed'), () => {
            order.push('written');
            callback();
          });
        };
        call.stream.once('close', () => order.push('closed'));
      },
    });
    assert.equal(String((await callUnary(client, unary.path, HELLO)).answer), 'changed');
    await until(() => order.length === 3);
    assert.deepEqual(order, ['message hello', 'written', 'closed']);
  });

  test('every end of a call is a cancellation, once: an answer, a refusal, a client that has gone', async (t) => {
    const { client, cancelled } = await serveBare(t, {
      onUnary: (request, respond) =>
        request.equals(HELLO) ? respond(null, request) : respond({ code: status.ABORTED, details: 'no' }),
      onStream: (call) => call.write(HELLO),
    });
    assert.equal((await callUnary(client, unary.path, HELLO)).code, status.OK);
    assert.equal((await callUnary(client, unary.path, Buffer.from('other'))).code, status.ABORTED);
    const open = client.makeServerStreamRequest(stream.path, same, same, HELLO);
    open.on('error', () => undefined);
    open.once('data', () => open.cancel());
    await until(() => cancelled.join() === '1,1,1');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(cancelled, [1, 1, 1]);
  });

  test('an error that a handler emits on a stream ends it with its code and details, and does no harm afterwards', async (t) => {
    let handled: ServerWritableStream<Buffer, Buffer> | undefined;
    const failure = () => Object.assign(new Error('text'), { code: status.DATA_LOSS, details: 'lost' });
    const { client } = await serveBare(t, {
      onStream: (call) => {
        handled = call;
        call.write(HELLO);
        call.emit('error', failure());
      },
    });
    const open = client.makeServerStreamRequest(stream.path, same, same, HELLO).resume();
    const error = await new Promise<ServiceError>((resolve) => open.once('error', resolve));
    assert.deepEqual([error.code, error.details], [status.DATA_LOSS, 'lost']);
    assert.doesNotThrow(() => handled!.emit('error', failure()));
  });
});

describe('of @grpc/reflection 1.0.4, of which src/rpc/reflection-index.ts takes one module', () => {
  test('the version is that', () => assertVersion('@grpc/reflection', '1.0.4', 'src/rpc/reflection-index.ts'));

  test('the index reads the encoded files of a definition, and nothing else', () => {
    // name = "a.proto"; package = "a"; message_type { name = "M" }
    const file = Buffer.from('\x0a\x07a.proto\x12\x01a\x22\x03\x0a\x01M', 'latin1');
    const index = new ReflectionV1Implementation({ '': { fileDescriptorProtos: [file] } } as never);
    const find = (fileContainingSymbol: string) =>
      index.handleServerReflectionRequest({ messageRequest: 'fileContainingSymbol', fileContainingSymbol } as never);
    assert.deepEqual(
      find('a.M').fileDescriptorResponse!.fileDescriptorProto!.map((bytes) => Buffer.from(bytes).toString('latin1')),
      [file.toString('latin1')],
    );
    assert.equal(find('a.N').errorResponse!.errorCode, status.NOT_FOUND);
    assert.equal(find('a.N').fileDescriptorResponse, undefined);
  });
});
