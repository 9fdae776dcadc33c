import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import { PolicyServiceService } from '../../../src/generated/hauberk/v1/policy.js';
import type { Limits } from '../../../src/rpc/access/limits.js';
import { RpcService } from '../../../src/rpc/handler.js';
import { connectWith, serveGuarded, until } from './access-support.js';
import { answerOf } from './support.js';

const ANSWER_BYTES = 100_000;
const EMPTY_REQUEST = Buffer.alloc(5);
const DELETE_POLICY = '/hauberk.v1.PolicyService/DeletePolicy';
const LIST_POLICIES = '/hauberk.v1.PolicyService/ListPolicies';

function unused(): never {
  throw new Error('nobody calls it');
}

/** A server with large responses, and the number that it has made. */
async function serveLarge(t: TestContext, limits: Partial<Limits>) {
  let made = 0;
  const large = () => {
    made++;
    return 'x'.repeat(ANSWER_BYTES);
  };
  const service = RpcService.of(PolicyServiceService, {
    applyPolicy: unused,
    validatePolicy: unused,
    syncPolicies: unused,
    setPosture: unused,
    listPostures: () => ({ defaults: [], namespaces: [{ namespace: large(), postures: [] }], nextPageToken: '' }),
    deletePolicy: () => ({ containerIds: [large()], revision: 1n, containerCount: 1n }),
    getPolicy: unused,
    explain: unused,
    diff: unused,
    listPolicies: unused,
  });
  const guarded = await serveGuarded(t, { services: [service], limits: { requestsPerSecond: 10_000, ...limits } });
  return { ...guarded, made: () => made };
}

/** A client whose flow control allows no data, only headers. */
async function silentSession(t: TestContext, address: string): Promise<ClientHttp2Session> {
  const createConnection = () => connect(address.slice('unix:'.length));
  const session = connectHttp2('http://localhost', { createConnection, settings: { initialWindowSize: 0 } });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

function call(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers);
  stream.on('error', () => undefined);
  stream.end(EMPTY_REQUEST);
  return stream;
}

/** Resolves at the end of a stream, whatever the reason. */
function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

const LIST_POSTURES = '/hauberk.v1.PolicyService/ListPostures';

test('for a client that reads no responses only a few are made, and other clients are served meanwhile', async (t) => {
  const { server, made } = await serveLarge(t, { unreadBytes: 3 * ANSWER_BYTES });
  const session = await silentSession(t, server.address);
  for (let number = 0; number < 100; number++) call(session, LIST_POSTURES);
  await until(() => made() >= 3);
  const other = await silentSession(t, server.address);
  const [answer] = await Promise.all([once(call(other, LIST_POSTURES), 'response'), until(() => made() >= 4)]);
  assert.equal(answer[0][':status'], 200);
  // Three that fill the limit of unread responses, and one for the other connection.
  assert.equal(made(), 4);
});

test('waiting calls continue in order once the client reads', async (t) => {
  const { server, made } = await serveLarge(t, { unreadBytes: 2 * ANSWER_BYTES });
  const session = await silentSession(t, server.address);
  const calls = Array.from({ length: 20 }, () => call(session, LIST_POSTURES));
  await until(() => made() >= 2);
  const ends = calls.map((stream) => once(stream.resume(), 'end'));
  session.settings({ initialWindowSize: 2 ** 20 });
  session.setLocalWindowSize(2 ** 24);
  await Promise.all(ends);
  assert.equal(made(), 20);
});

test('a response that the client does not read in time is dropped, its memory is freed, and the audit log has a line', async (t) => {
  const { server, made, counts, logger } = await serveLarge(t, {
    unreadBytes: ANSWER_BYTES,
    readTimeoutSeconds: 0.05,
  });
  const session = await silentSession(t, server.address);
  const streams = [call(session, LIST_POSTURES), call(session, LIST_POSTURES)];
  await Promise.all(streams.map(closed));
  assert.equal(made(), 2);
  await until(() => counts.refusals.length === 2);
  assert.deepEqual(counts.refusals, ['unread', 'unread']);
  const [line] = logger.lines;
  assert.deepEqual(
    [line!.message, line!.fields.reason, line!.fields.method],
    ['call refused', 'unread', LIST_POSTURES],
  );
});

test('a change is in the audit log even if its client does not read the response', async (t) => {
  const { server, logger } = await serveLarge(t, { readTimeoutSeconds: 0.05 });
  const session = await silentSession(t, server.address);
  await closed(call(session, DELETE_POLICY));
  await until(() => logger.lines.length === 2);
  assert.deepEqual(
    logger.lines.map(({ message }) => message),
    ['call refused', 'write'],
  );
});

test('a deadline of the client does not free the room of unread responses', async (t) => {
  const { server, made } = await serveLarge(t, { unreadBytes: 2 * ANSWER_BYTES });
  const session = await silentSession(t, server.address);
  for (let number = 0; number < 20; number++) {
    const headers = { ':method': 'POST', ':path': LIST_POSTURES, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ...headers, 'grpc-timeout': '20m' });
    stream.on('error', () => undefined);
    stream.end(EMPTY_REQUEST);
  }
  await until(() => made() >= 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(made(), 2);
});

test('calls of an unknown method are counted, rate-limited and audited like every call', async (t) => {
  const { server, counts, logger } = await serveGuarded(t, { limits: { requestsPerSecond: 5 } });
  const session = await silentSession(t, server.address);
  const codes = await Promise.all(
    Array.from({ length: 30 }, async (_, number) => {
      const [head] = await once(call(session, `/made.up/Method${number}`), 'response');
      return head['grpc-status'];
    }),
  );
  const count = (code: string) => codes.filter((each) => String(each) === code).length;
  // A burst of twice the rate gets UNIMPLEMENTED, the others RESOURCE_EXHAUSTED.
  assert.ok(count('12') >= 10 && count('12') <= 15, String(codes));
  assert.equal(count('12') + count('8'), 30);
  await until(() => counts.requests.length === 30);
  assert.deepEqual([...new Set(counts.requests)].sort(), ['unknown RESOURCE_EXHAUSTED', 'unknown UNIMPLEMENTED']);
  assert.deepEqual(
    logger.lines.filter(({ fields }) => fields.reason === 'unknown_method').map(({ fields }) => fields.code),
    ['UNIMPLEMENTED'],
  );
  assert.equal((await once(call(session, LIST_POLICIES), 'response'))[0]['grpc-status'], '8');
});

test('an existing method is not taken for an unknown one', async (t) => {
  const { server } = await serveGuarded(t);
  const { version } = await answerOf(connectWith(t, HostServiceClient, server), (c) => c.getStatus, {});
  assert.equal(version, '1.2.3');
});
