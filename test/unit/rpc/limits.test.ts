import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Caller } from '../../../src/control/work-thread.js';
import { EventHub } from '../../../src/events/hub.js';
import { EventServiceClient, StreamEventsRequest } from '../../../src/generated/hauberk/v1/event.js';
import { HostServiceClient, HostServiceService } from '../../../src/generated/hauberk/v1/host.js';
import { PolicyServiceClient, PolicyServiceService } from '../../../src/generated/hauberk/v1/policy.js';
import { currentCaller } from '../../../src/rpc/caller.js';
import { eventServiceOf } from '../../../src/rpc/event-service.js';
import { RpcService } from '../../../src/rpc/handler.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { connectWith, serveGuarded, until } from './access-support.js';
import { decodeDetails } from './status-details.js';
import { answerOf, manifest, refusal } from './support.js';

const anyFilter = StreamEventsRequest.decode(new Uint8Array());
const statusOf = (client: HostServiceClient) => answerOf(client, (c) => c.getStatus, {});

/** A stream, once the server has accepted it. */
async function openStream(client: EventServiceClient) {
  const stream = client.streamEvents(anyFilter);
  const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
  stream.resume();
  const refused = await Promise.race([once(stream, 'metadata').then(() => undefined), ended]);
  return { stream, refused, ended };
}

/** Repeats an attempt until it succeeds. */
async function succeeding(attempt: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await attempt()) return;
    await sleep(10);
  }
  assert.fail('it never worked');
}

function rawConnection(t: TestContext, { address }: RunningServer): Socket {
  const socket = connect(address.slice('unix:'.length));
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  return socket;
}

async function isTaken(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    // An HTTP/2 server sends its settings first.
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  });
}

describe('a client', () => {
  test('that sends too many requests is told when to try again', async (t) => {
    const { server, counts, logger } = await serveGuarded(t, { limits: { requestsPerSecond: 1 } });
    const client = connectWith(t, HostServiceClient, server);
    await statusOf(client);
    await statusOf(client);
    const error = await statusOf(client).then(
      () => assert.fail('a third request was taken'),
      (thrown: ServiceError) => thrown,
    );
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /^uid:\d+ has sent more than 1 requests a second; retry in \d+ ms$/u);
    const rich = decodeDetails('Status', error.metadata.get('grpc-status-details-bin')[0] as Buffer);
    assert.equal(rich.details[0]?.typeUrl, 'type.googleapis.com/google.rpc.RetryInfo');
    const { retryDelay } = decodeDetails('RetryInfo', rich.details[0]!.value);
    const milliseconds = Number(/in (\d+) ms/u.exec(error.details)![1]);
    assert.equal(retryDelay.seconds * 1000 + retryDelay.nanos / 1e6, milliseconds);
    assert.ok(milliseconds > 0 && milliseconds <= 1000);
    await until(() => counts.refusals.length > 0);
    assert.deepEqual(counts.refusals, ['rate']);
    const { reason, code, method } = logger.lines[0]!.fields;
    assert.deepEqual([reason, code, method], ['rate', 'RESOURCE_EXHAUSTED', '/hauberk.v1.HostService/GetStatus']);
  });

  test('has a limited number of streams over all its connections, and can open another once one has ended', async (t) => {
    const { server, counts } = await serveGuarded(t, { limits: { streamsPerClient: 2 } });
    const clients = [1, 2, 3].map(() => connectWith(t, EventServiceClient, server));
    const first = await openStream(clients[0]!);
    const second = await openStream(clients[1]!);
    assert.equal(first.refused ?? second.refused, undefined);
    const { refused } = await openStream(clients[2]!);
    assert.equal(refused?.code, status.RESOURCE_EXHAUSTED);
    assert.match(refused.details, /^uid:\d+ has 2 streams open, which is the most one client may have$/u);
    assert.deepEqual(counts.refusals, ['streams']);
    first.stream.cancel();
    await until(() => counts.requests.some((request) => request.endsWith('CANCELLED')));
    assert.equal((await openStream(clients[2]!)).refused, undefined);
  });

  test('whose request is too large is refused and counted', async (t) => {
    const { server, counts, logger } = await serveGuarded(t, { limits: { messageBytes: 1000 } });
    const client = connectWith(t, PolicyServiceClient, server);
    const answer = await refusal(
      answerOf(client, (c) => c.getPolicy, { name: 'x'.repeat(2000), namespace: '', scope: 0, pageToken: '' }),
    );
    assert.equal(answer.code, 'RESOURCE_EXHAUSTED');
    await until(() => counts.refusals.length > 0);
    assert.deepEqual(counts.refusals, ['message_size']);
    assert.deepEqual(counts.requests, ['/hauberk.v1.PolicyService/GetPolicy RESOURCE_EXHAUSTED']);
    assert.equal(logger.lines[0]!.fields.reason, 'message_size');
  });

  test('that resets its streams at once does not use up its limit', async (t) => {
    const { server } = await serveGuarded(t, { limits: { streamsPerClient: 3, requestsPerSecond: 1000 } });
    const path = server.address.slice('unix:'.length);
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    t.after(() => session.destroy());
    await once(session, 'connect');
    for (let round = 0; round < 50; round++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/hauberk.v1.EventService/StreamEvents',
        'content-type': 'application/grpc',
      });
      stream.on('error', () => undefined);
      stream.close(8);
      await once(stream, 'close');
    }
    const client = connectWith(t, EventServiceClient, server);
    // The last resets may not have arrived yet.
    for (let open = 0; open < 3; open++) await succeeding(async () => !(await openStream(client)).refused);
  });
});

function unused(): never {
  throw new Error('nobody calls it');
}

describe('a call', () => {
  const slowStatus = () =>
    RpcService.of(HostServiceService, {
      getStatus: () => new Promise<never>(() => undefined),
      waitForRevision: unused,
    });

  test('that takes too long ends with DEADLINE_EXCEEDED, whatever deadline the caller set', async (t) => {
    const { server, counts } = await serveGuarded(t, {
      services: [slowStatus()],
      limits: { callTimeoutSeconds: 0.05 },
    });
    const answer = await refusal(statusOf(connectWith(t, HostServiceClient, server)));
    assert.deepEqual(answer, {
      code: 'DEADLINE_EXCEEDED',
      message: '/hauberk.v1.HostService/GetStatus took longer than 0.05 s',
      violations: [],
    });
    await until(() => counts.requests.length > 0);
    assert.deepEqual(counts.requests, ['/hauberk.v1.HostService/GetStatus DEADLINE_EXCEEDED']);
  });

  test('gives its handler the caller, and a signal for disconnection, deadline or response', async (t) => {
    const callers: Caller[] = [];
    let answer = () => {};
    let isCalled = false;
    const service = RpcService.of(HostServiceService, {
      getStatus: () => {
        callers.push(currentCaller());
        return new Promise<never>(() => undefined);
      },
      waitForRevision: async () => {
        await new Promise<void>((resolve) => {
          answer = resolve;
          isCalled = true;
        });
        callers.push(currentCaller());
        return { enforcedRevision: 1n };
      },
    });
    const { server } = await serveGuarded(t, { services: [service], limits: { callTimeoutSeconds: 1 } });
    const client = connectWith(t, HostServiceClient, server);
    const cancelled = client.getStatus({}, () => undefined);
    await until(() => callers.length === 1);
    cancelled.cancel();
    await until(() => callers[0]!.disconnected.aborted);
    await refusal(statusOf(client));
    await until(() => callers[1]!.disconnected.aborted);
    const requested = answerOf(client, (c) => c.waitForRevision, { revision: 1n });
    await until(() => isCalled);
    answer();
    await requested;
    await until(() => callers[2]!.disconnected.aborted);
    assert.deepEqual([...new Set(callers.map(({ identity }) => identity))], [`uid:${process.getuid!()}`]);
  });

  test('that is a stream has no deadline, once its request has arrived', async (t) => {
    const { server } = await serveGuarded(t, {
      services: [slowStatus(), eventServiceOf(new EventHub())],
      limits: { callTimeoutSeconds: 0.05 },
    });
    const { stream } = await openStream(connectWith(t, EventServiceClient, server));
    let isOver = false;
    stream.on('end', () => {
      isOver = true;
    });
    // Another call has exceeded its deadline since.
    await refusal(statusOf(connectWith(t, HostServiceClient, server)));
    assert.equal(isOver, false);
  });

  test('that makes a change after its deadline is in the audit log twice', async (t) => {
    let finish = () => {};
    const called = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const service = RpcService.of(PolicyServiceService, {
      validatePolicy: unused,
      syncPolicies: unused,
      setPosture: unused,
      listPostures: unused,
      deletePolicy: unused,
      getPolicy: unused,
      explain: unused,
      diff: unused,
      listPolicies: unused,
      async applyPolicy() {
        await called;
        const change = {
          namespace: 'default',
          name: 'late',
          kind: 1,
          scope: 1,
          containerIds: [],
          warnings: [],
          conflicts: [],
          previousVersion: 0n,
          origin: 1,
          resourceVersion: 1n,
          containerCount: 0n,
        };
        return { changes: [change], revision: 1n, omittedChanges: 0n };
      },
    });
    const { server, logger } = await serveGuarded(t, { services: [service], limits: { callTimeoutSeconds: 0.05 } });
    const call = answerOf(connectWith(t, PolicyServiceClient, server), (c) => c.applyPolicy, {
      source: { $case: 'manifest', value: manifest('late') },
      expectedVersions: {},
      force: false,
    });
    assert.equal((await refusal(call)).code, 'DEADLINE_EXCEEDED');
    await until(() => logger.lines.length === 1);
    finish();
    await until(() => logger.lines.length === 2);
    assert.deepEqual(
      logger.lines.map(({ fields: { code, names, afterCallEnded } }) => ({ code, names, afterCallEnded })),
      [
        { code: 'DEADLINE_EXCEEDED', names: [], afterCallEnded: undefined },
        { code: 'OK', names: ['default/late'], afterCallEnded: true },
      ],
    );
  });
});

describe('a server', () => {
  test('accepts a limited number of connections, and another once one is closed', async (t) => {
    const { server, counts, logger } = await serveGuarded(t, { limits: { connections: 2 } });
    const [first, second, third] = [1, 2, 3].map(() => rawConnection(t, server));
    assert.ok(await isTaken(first!));
    assert.ok(await isTaken(second!));
    assert.equal(await isTaken(third!), false);
    assert.deepEqual(counts.refusals, ['connections']);
    assert.equal(logger.lines[0]?.message, 'connection refused');
    first!.destroy();
    await succeeding(() => isTaken(rawConnection(t, server)));
  });

  test('tells clients how many concurrent calls a connection may have', async (t) => {
    const { server } = await serveGuarded(t, { limits: { callsPerConnection: 7 } });
    const path = server.address.slice('unix:'.length);
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    t.after(() => session.destroy());
    const [settings] = await once(session, 'remoteSettings');
    assert.equal(settings.maxConcurrentStreams, 7);
  });

  test('sends keepalive pings to a silent connection', async (t) => {
    const { server } = await serveGuarded(t, { limits: { keepaliveSeconds: 1 } });
    const path = server.address.slice('unix:'.length);
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    t.after(() => session.destroy());
    const requested = await Promise.race([once(session, 'ping').then(() => true), sleep(5000, false, { ref: false })]);
    assert.ok(requested);
  });

  test('forgets closed connections', async (t) => {
    const { server, logger } = await serveGuarded(t, { limits: { connections: 3 } });
    for (let round = 0; round < 10; round++) {
      const client: Client = connectWith(t, HostServiceClient, server);
      await new Promise((resolve) => (client as HostServiceClient).getStatus({}, new Metadata(), resolve));
      client.close();
    }
    assert.equal(logger.lines.filter(({ level }) => level === 'error').length, 0);
    await server.shutdown(1000);
    assert.deepEqual(
      logger.lines.filter(({ message }) => message.includes('cut off')),
      [],
    );
  });
});
