import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { EventHub } from '../../../src/events/hub.js';
import {
  type Event,
  Result,
  type StreamEventsRequest,
  type StreamEventsResponse,
} from '../../../src/generated/hauberk/v1/event.js';
import { AccessClass, Action, PolicyOrigin } from '../../../src/generated/hauberk/v1/policy.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { makeEvent } from '../events/support.js';
import { eventClient, readRefusal, serveAll } from './support.js';

type Stream = ClientReadableStream<StreamEventsResponse>;

const everything: StreamEventsRequest = {
  containerIds: [],
  containerNames: [],
  namespaces: [],
  policies: [],
  classes: [],
  actions: [],
  results: [],
  minimumSeverity: 0,
  labels: {},
  objectPattern: '',
  resumeAfter: undefined,
  since: undefined,
  storedOnly: false,
  includeTelemetry: false,
};

/** A stream that is subscribed, since its headers have arrived, and all that it has received after where it began. */
async function subscribe(t: TestContext, server: RunningServer, filter: Partial<StreamEventsRequest> = {}) {
  const stream = eventClient(t, server).streamEvents({ ...everything, ...filter });
  const responses: StreamEventsResponse[] = [];
  stream.on('data', (response) => responses.push(response));
  stream.on('error', () => undefined);
  await once(stream, 'metadata', { signal: AbortSignal.timeout(5000) });
  await until(() => responses.length > 0);
  const [{ position: start, ...nothing }] = responses.splice(0, 1) as [StreamEventsResponse];
  assert.deepEqual(nothing, { events: [], missed: 0n, gone: [], telemetryMissed: 0n });
  return {
    stream,
    start,
    responses,
    events: () => responses.flatMap(({ events }) => events),
    missed: () => Number(responses.reduce((total, { missed }) => total + missed, 0n)),
  };
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`in vain: ${condition}`);
    await sleep(2);
  }
}

async function endOf(stream: Stream) {
  const [error] = (await once(stream, 'error')) as [ServiceError];
  return readRefusal(error);
}

const numbered = (from: number, to: number, fields: object = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => makeEvent({ hostPid: from + index, ...fields }));
const numbers = (events: readonly Event[]) => events.map(({ hostPid }) => hostPid);

/** Publishes events 1 to `count` in batches, as the kernel's reader does. */
async function publishMany(hub: EventHub, count: number, fields: object = {}): Promise<void> {
  for (let first = 1; first <= count; first += 100) {
    hub.publish(numbered(first, Math.min(first + 99, count), fields));
    await new Promise(setImmediate);
  }
}

describe('StreamEvents', () => {
  test('sends headers before any event and then every field of one', async (t) => {
    const { server, hub } = await serveAll(t);
    const { events } = await subscribe(t, server);
    hub.publish([makeEvent({ policyOrigin: 'cli' })]);
    await until(() => events().length > 0);
    assert.deepEqual(events(), [
      {
        time: { seconds: 1_700_000_000n, nanos: 123_456_789 },
        containerId: 'c1',
        containerName: 'web-1',
        namespace: 'default',
        labels: { app: 'web', tier: 'front' },
        policy: 'no-shadow',
        policyNamespace: 'default',
        policyOrigin: PolicyOrigin.CLI,
        rule: 'file.matchPaths[0]',
        severity: 5,
        tags: ['secrets'],
        message: 'shadow is read',
        class: AccessClass.FILE,
        operation: 'open',
        object: '/etc/shadow',
        action: Action.BLOCK,
        result: Result.DENIED,
        program: '/bin/cat',
        parentProgram: '/bin/sh',
        pid: 7,
        hostPid: 4007,
        ppid: 1,
        hostPpid: 4001,
        uid: 1000,
        comm: 'cat',
        imageId: 3,
        suppressed: 0n,
        wouldBlock: false,
        sequence: 1n,
        lost: 0n,
        hostName: '',
        machineId: '',
        image: '',
        commandLine: [],
        workingDirectory: '',
        terminal: '',
        containerUid: undefined,
        ownerRule: '',
        policyOverride: '',
        count: 0n,
        operations: [],
      },
    ]);
  });

  test('begins with its position, and continues from there if it breaks before its first event', async (t) => {
    const { server, hub } = await serveAll(t);
    hub.publish(numbered(1, 3));
    const { stream, start, events } = await subscribe(t, server, { containerNames: ['web-1'] });
    assert.deepEqual(start, { run: hub.run, sequence: 3n });
    stream.cancel();
    await until(() => hub.counts().subscribers === 0);
    hub.publish(numbered(4, 5));
    const resumed = eventClient(t, server).streamEvents({ ...everything, resumeAfter: start });
    const [first] = (await once(resumed, 'data')) as [StreamEventsResponse];
    assert.deepEqual([numbers(first.events), numbers(events())], [[4, 5], []]);
    resumed.on('error', () => undefined).cancel();
  });

  test('filters on the server', async (t) => {
    const { server, hub } = await serveAll(t);
    const { events } = await subscribe(t, server, {
      containerIds: ['c1'],
      containerNames: ['web-1'],
      namespaces: ['default'],
      policies: ['no-shadow'],
      classes: [AccessClass.PROCESS],
      actions: [Action.AUDIT],
      results: [Result.PASSED],
      minimumSeverity: 5,
      labels: { app: 'web' },
    });
    const matching = { class: 'process', action: 'Audit', result: 'passed' } as const;
    hub.publish([
      makeEvent({ ...matching, hostPid: 1 }),
      makeEvent({ ...matching, hostPid: 2, class: 'file' }),
      makeEvent({ ...matching, hostPid: 3, action: 'Block' }),
      makeEvent({ ...matching, hostPid: 4, result: 'denied' }),
      makeEvent({ ...matching, hostPid: 5, containerId: 'c2' }),
      makeEvent({ ...matching, hostPid: 6, containerName: 'web-2' }),
      makeEvent({ ...matching, hostPid: 7, namespace: 'shop' }),
      makeEvent({ ...matching, hostPid: 8, policy: 'other' }),
      makeEvent({ ...matching, hostPid: 9, severity: 4 }),
      makeEvent({ ...matching, hostPid: 10, labels: {} }),
      makeEvent({ ...matching, hostPid: 11 }),
    ]);
    await until(() => events().length >= 2);
    assert.deepEqual(numbers(events()), [1, 11]);
  });

  test('refuses a filter that no event can match', async (t) => {
    const { server, hub } = await serveAll(t);
    const stream = eventClient(t, server).streamEvents({
      ...everything,
      containerIds: ['c1', ''],
      classes: [AccessClass.FILE, AccessClass.UNSPECIFIED],
      actions: [Action.UNSPECIFIED],
      results: [7 as Result],
      minimumSeverity: 11,
      objectPattern: '/a[',
    });
    const { code, violations } = await endOf(stream);
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.deepEqual(violations, [
      ['minimum_severity', 'must not be greater than 10'],
      ['container_ids[1]', 'must not be empty'],
      [
        'classes[1]',
        'must be ACCESS_CLASS_PROCESS, ACCESS_CLASS_FILE, ACCESS_CLASS_NETWORK, ACCESS_CLASS_CAPABILITY, ACCESS_CLASS_FILESYSTEM, ACCESS_CLASS_MOUNT, ' +
          'ACCESS_CLASS_PTRACE, ACCESS_CLASS_NAMESPACES, ACCESS_CLASS_PRESET or ACCESS_CLASS_SYSTEM_CALL',
      ],
      ['actions[0]', 'must be ACTION_ALLOW, ACTION_AUDIT or ACTION_BLOCK'],
      ['results[0]', 'must be RESULT_DENIED or RESULT_PASSED'],
      ['object_pattern', 'has a `[` that no `]` closes (at character 3)'],
    ]);
    assert.equal(hub.counts().subscribers, 0);
  });

  test('sends waiting events together, at most 256 in a message', async (t) => {
    const { server, hub } = await serveAll(t);
    const { events, responses } = await subscribe(t, server);
    hub.publish(numbered(1, 600));
    await until(() => events().length === 600);
    assert.deepEqual(
      responses.map((response) => response.events.length),
      [256, 256, 88],
    );
    assert.deepEqual(numbers(events()), numbers(events().toSorted((a, b) => a.hostPid - b.hostPid)));
  });

  test('combines events that arrive in quick succession', async (t) => {
    const { server, hub } = await serveAll(t);
    const { events, responses } = await subscribe(t, server);
    const began = performance.now();
    for (let number = 1; number <= 1000; number++) {
      hub.publish(numbered(number, number));
      await new Promise(setImmediate);
    }
    const milliseconds = performance.now() - began;
    await until(() => events().length === 1000);
    assert.ok(responses.length < milliseconds + 10, `${responses.length} messages in ${milliseconds} ms`);
  });

  test('reports to a slow client how many events it missed, and to no other', async (t) => {
    const { server, hub } = await serveAll(t, { queueCapacity: 1000 });
    const slow = await subscribe(t, server);
    const quick = await subscribe(t, server);
    slow.stream.pause();
    const count = 40_000;
    let received = 0;
    quick.stream.on('data', ({ events }) => {
      received += events.length;
    });
    for (let last = 500; last <= count; last += 500) {
      hub.publish(numbered(last - 499, last));
      await until(() => received === last);
    }
    assert.equal(quick.missed(), 0);
    const { missed } = hub.counts();
    assert.ok(missed > 0);

    slow.stream.resume();
    await until(() => slow.events().length + slow.missed() === count);
    assert.equal(slow.missed(), missed);
    // The missed events are directly before those of the response that reports them.
    let next = 1;
    for (const { events, missed: gap } of slow.responses) {
      next += Number(gap);
      assert.equal(events[0]?.hostPid, next);
      next += events.length;
    }
  });

  test('does not write to a client that does not read', async (t) => {
    const { server, hub } = await serveAll(t, { queueCapacity: 1000 });
    const { stream } = await subscribe(t, server);
    stream.pause();
    await publishMany(hub, 60_000);
    const { delivered } = hub.counts();
    await publishMany(hub, 20_000);
    assert.equal(hub.counts().delivered, delivered);
  });

  test('ends the subscription when the client cancels', async (t) => {
    const { server, hub } = await serveAll(t);
    const { stream } = await subscribe(t, server);
    assert.equal(hub.counts().subscribers, 1);
    hub.publish(numbered(1, 10));
    stream.cancel();
    await until(() => hub.counts().subscribers === 0);
  });

  test('ends the subscription when the deadline passes', async (t) => {
    const { server, hub } = await serveAll(t);
    const stream = eventClient(t, server).streamEvents(everything, { deadline: Date.now() + 50 });
    assert.equal((await endOf(stream)).code, 'DEADLINE_EXCEEDED');
    await until(() => hub.counts().subscribers === 0);
  });

  test('ends with UNAVAILABLE when the daemon stops', async (t) => {
    const { server, hub } = await serveAll(t);
    const { stream } = await subscribe(t, server);
    const ended = endOf(stream);
    const began = performance.now();
    await server.shutdown(5000);
    assert.ok(performance.now() - began < 2000);
    assert.deepEqual(await ended, { code: 'UNAVAILABLE', message: 'hauberkd is stopping', violations: [] });
    assert.equal(hub.counts().subscribers, 0);
  });

  test('ends with UNAVAILABLE even if the client has much left to read', async (t) => {
    const { server, hub } = await serveAll(t);
    const { stream, events } = await subscribe(t, server);
    stream.pause();
    await publishMany(hub, 20_000);
    assert.ok(hub.counts().missed > 0);
    const ended = endOf(stream);
    const stopped = server.shutdown(5000);
    await sleep(50);
    stream.resume();
    assert.equal((await ended).code, 'UNAVAILABLE');
    assert.ok(events().length > 0);
    await stopped;
  });
});

describe('telemetry', () => {
  const access = (fields: object = {}) =>
    makeEvent({ action: 'Allow', result: 'passed', policy: '', count: 3, operations: ['read', 'write'], ...fields });

  test('is sent only on request, with a count, without a sequence number, and does not change the position', async (t) => {
    const { server, hub, plane } = await serveAll(t);
    const requested = await subscribe(t, server, { includeTelemetry: true });
    const other = await subscribe(t, server);
    plane.telemetry.hub.publish([access({ object: '/a' })]);
    hub.publish([makeEvent({ object: '/b' })]);
    await until(() => requested.events().length === 2 && other.events().length === 1);
    const reported = requested.responses.filter(({ position }) => position === undefined);
    const [event] = reported.flatMap(({ events }) => events);
    assert.deepEqual([event!.object, event!.count, event!.operations], ['/a', 3n, ['read', 'write']]);
    assert.equal(other.events()[0]!.object, '/b');
    assert.deepEqual(
      requested.responses.flatMap(({ position }) => position?.sequence ?? []),
      [1n],
    );
  });

  test('is filtered like events, and ends with the stream', async (t) => {
    const { server, plane } = await serveAll(t);
    const { hub } = plane.telemetry;
    const filter = { includeTelemetry: true, classes: [AccessClass.NETWORK], namespaces: ['shop'] };
    const { events, stream } = await subscribe(t, server, filter);
    hub.publish([
      access({ namespace: 'shop' }),
      access({ class: 'network', namespace: 'shop', object: 'tcp 10.0.0.1:443' }),
      access({ class: 'network' }),
    ]);
    await until(() => events().length > 0);
    assert.deepEqual(
      events().map(({ object }) => object),
      ['tcp 10.0.0.1:443'],
    );
    stream.cancel();
    await until(() => hub.counts().subscribers === 0);
  });

  test('that a slow reader misses is counted separately from events', async (t) => {
    const { server, plane } = await serveAll(t, { queueCapacity: 10 });
    const { missed, responses } = await subscribe(t, server, { includeTelemetry: true });
    plane.telemetry.hub.publish(Array.from({ length: 15 }, () => access()));
    await until(() => responses.length > 0);
    assert.deepEqual([responses[0]!.telemetryMissed, responses[0]!.events.length, missed()], [5n, 10, 0]);
  });

  test('does not keep events back from a client that has not read it for a while', async (t) => {
    const { server, hub, plane } = await serveAll(t, { queueCapacity: 1000 });
    const { stream, responses } = await subscribe(t, server, { includeTelemetry: true });
    stream.pause();
    const object = `/${'x'.repeat(2000)}`;
    await publishMany(plane.telemetry.hub, 20_000, { object });
    assert.ok(plane.telemetry.hub.counts().missed > 0);
    hub.publish(numbered(1, 1));
    // The event finds the stream full.
    await new Promise(setImmediate);
    assert.equal(hub.counts().delivered, 0);
    stream.resume();
    await until(() => responses.some(({ position }) => position?.sequence === 1n));
  });

  test('is not available for stored events', async (t) => {
    const { server } = await serveAll(t);
    const stream = eventClient(t, server).streamEvents({ ...everything, includeTelemetry: true, storedOnly: true });
    stream.on('data', () => undefined);
    const { code, violations } = await endOf(stream);
    const description = 'cannot be given with stored_only: telemetry is not stored';
    assert.deepEqual([code, violations], ['INVALID_ARGUMENT', [['include_telemetry', description]]]);
  });
});
