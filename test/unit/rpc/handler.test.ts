import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Failure } from '../../../src/failure.js';
import { ContainerServiceService } from '../../../src/generated/hauberk/v1/container.js';
import { EventServiceService, StreamEventsRequest } from '../../../src/generated/hauberk/v1/event.js';
import { type GetStatusResponse, HostServiceService } from '../../../src/generated/hauberk/v1/host.js';
import { type ResponseStream, RpcService } from '../../../src/rpc/handler.js';
import { until } from './access-support.js';
import {
  answerOf,
  containerClient,
  eventClient,
  hostClient,
  readRefusal,
  refusal,
  serve,
  serveAll,
} from './support.js';

const HIDDEN = { code: 'INTERNAL', message: 'internal error, see the log of hauberkd', violations: [] };
const waitForRevision = () => ({ enforcedRevision: 0n });
const anyFilter = StreamEventsRequest.decode(new Uint8Array());
const hostService = (getStatus: () => Promise<GetStatusResponse>) =>
  RpcService.of(HostServiceService, { getStatus, waitForRevision });
const eventService = (streamEvents: (request: unknown, call: ResponseStream<never>) => Promise<void>) =>
  RpcService.of(EventServiceService, { streamEvents });

describe('a request that cannot be decoded', () => {
  // ListContainersRequest has one field, a string with number 1.
  const cases: [string, number[], string][] = [
    ['is truncated', [10, 5, 0x61], 'premature EOF'],
    ['contains a text that is not UTF-8', [10, 1, 0xff], 'The encoded data was not valid for encoding utf-8'],
    ['has bytes with which no field begins', [10, 1, 0x61, 0, 1, 1], 'no field begins at byte 4'],
    [
      'holds a text that no map can have as its key',
      [10, 9, ...Buffer.from('__proto__')],
      'the text `__proto__` is not accepted',
    ],
  ];
  for (const [what, bytes, reason] of cases) {
    test(`because it ${what} is refused with the reason`, async (t) => {
      const { server, logger } = await serveAll(t);
      const client = containerClient(t, server);
      const { path, responseDeserialize } = ContainerServiceService.listContainers;
      const answer = await refusal(
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(path, Buffer.from, responseDeserialize, bytes, (error, response) =>
            error === null ? resolve(response) : reject(error),
          );
        }),
      );
      const message = `the request cannot be decoded: ${reason}`;
      assert.deepEqual(answer, { code: 'INVALID_ARGUMENT', message, violations: [] });
      assert.deepEqual(
        logger.lines.filter(({ level }) => level === 'error'),
        [],
      );
    });
  }
});

describe('a unary handler', () => {
  const throwing: [string, () => Promise<GetStatusResponse>][] = [
    [
      'throws at once',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('secret'))],
    [
      'throws later',
      async () => {
        await sleep(5);
        throw new Error('secret');
      },
    ],
  ];
  for (const [what, handler] of throwing) {
    test(`that ${what} returns INTERNAL without the text, which is logged`, async (t) => {
      const { server, logger } = await serve(t, [hostService(handler)]);
      const client = hostClient(t, server);
      assert.deepEqual(await refusal(answerOf(client, (c) => c.getStatus, {})), HIDDEN);
      const [line] = logger.lines;
      assert.equal(line?.level, 'error');
      assert.equal(line?.fields.method, '/hauberk.v1.HostService/GetStatus');
      assert.equal((line!.fields.err as Error).message, 'secret');
      assert.deepEqual(await refusal(answerOf(client, (c) => c.getStatus, {})), HIDDEN);
    });
  }

  test('that throws a Failure returns it and logs nothing', async (t) => {
    const { server, logger } = await serve(t, [
      hostService(() => Promise.reject(new Failure('unavailable', 'not yet'))),
    ]);
    const answer = await refusal(answerOf(hostClient(t, server), (c) => c.getStatus, {}));
    assert.deepEqual(answer, { code: 'UNAVAILABLE', message: 'not yet', violations: [] });
    assert.deepEqual(logger.lines, []);
  });

  test('that throws after the client has disconnected has no effect', async (t) => {
    let finished: () => void = () => undefined;
    const { server, logger } = await serve(t, [
      hostService(async () => {
        await new Promise<void>((resolve) => {
          finished = resolve;
        });
        throw new Error('late');
      }),
    ]);
    const client = hostClient(t, server);
    const call = new Promise((_, reject) =>
      client.getStatus({}, new Metadata(), { deadline: Date.now() + 300 }, reject),
    );
    assert.equal((await refusal(call)).code, 'DEADLINE_EXCEEDED');
    finished();
    await until(() => logger.lines.length === 1);
  });
});

describe('a streaming handler', () => {
  test('that throws at once or rejects ends the stream with INTERNAL, and the text is logged', async (t) => {
    for (const handler of [
      () => {
        throw new Error('secret');
      },
      async () => {
        await sleep(5);
        throw new Error('secret');
      },
    ]) {
      const { server, logger } = await serve(t, [eventService(handler)]);
      const stream = eventClient(t, server).streamEvents(anyFilter);
      const [error] = (await once(stream, 'error')) as [ServiceError];
      assert.deepEqual(readRefusal(error), HIDDEN);
      assert.equal((logger.lines[0]!.fields.err as Error).message, 'secret');
    }
  });

  test('that returns ends the stream with OK', async (t) => {
    const { server } = await serve(t, [eventService(async () => undefined)]);
    const stream = eventClient(t, server).streamEvents(anyFilter).resume();
    const [{ code }] = await once(stream, 'status');
    assert.equal(code, status.OK);
  });

  test('that throws after the end of the stream has no effect', async (t) => {
    for (const over of ['ended', 'cancelled'] as const) {
      const thrown = deferred();
      const { server, logger } = await serve(t, [
        eventService(async (_, call) => {
          if (over === 'ended') call.end();
          else await once(call, 'cancelled');
          await sleep(20);
          setImmediate(thrown.resolve);
          throw new Error('late');
        }),
      ]);
      const stream = eventClient(t, server).streamEvents(anyFilter).resume();
      stream.on('error', () => undefined);
      if (over === 'cancelled') setTimeout(() => stream.cancel(), 20);
      const code = await new Promise((resolve) => stream.on('status', (ended) => resolve(ended.code)));
      assert.equal(code, over === 'ended' ? status.OK : status.CANCELLED);
      await thrown.promise;
      assert.deepEqual(
        logger.lines.map(({ message }) => message),
        ['a call failed'],
      );
    }
  });
});

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

describe("a library's handler", () => {
  test('that throws returns INTERNAL without the text, which is logged', async (t) => {
    const fail = () => {
      throw new Error('secret');
    };
    const { server, logger } = await serve(t, [
      RpcService.fromLibrary((registry) =>
        registry.addService(HostServiceService, { getStatus: fail, waitForRevision: fail }),
      ),
      RpcService.fromLibrary((registry) => registry.addService(EventServiceService, { streamEvents: fail })),
    ]);
    assert.deepEqual(await refusal(answerOf(hostClient(t, server), (c) => c.getStatus, {})), HIDDEN);
    const stream = eventClient(t, server).streamEvents(anyFilter);
    const [error] = (await once(stream, 'error')) as [ServiceError];
    assert.deepEqual(readRefusal(error), HIDDEN);
    assert.equal(logger.lines.length, 2);
  });

  test('must exist for every method', () => {
    const service = RpcService.fromLibrary((registry) => registry.addService(HostServiceService, {}));
    assert.throws(() => service.addTo({} as never, {} as never), /GetStatus has no handler/u);
  });
});
