import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ContainerRequest, ContainerState, Event, StateChangeEvent } from '../../../../src/generated/nri/nri.js';
import { NriConnection } from '../../../../src/sources/nri/connection.js';
import type { OnStart, WhenUnprotected, WhenUnprotectedOf } from '../../../../src/sources/nri/held-starts.js';
import { eventually } from '../../../support/eventually.js';
import { container, pod, Runtime } from './runtime.js';

interface Options {
  readonly onRunning?: () => void;
  readonly onStart?: OnStart;
  readonly whenUnprotected?: WhenUnprotectedOf;
  readonly reconfigureMilliseconds?: number;
}

/** A plugin that is registered with a runtime; its reports are kept as lines. */
async function connected(context: TestContext, options: Options = {}) {
  const { onStart, onRunning, whenUnprotected = () => 'refuse', reconfigureMilliseconds } = options;
  const runtime = new Runtime();
  await runtime.listen();
  const reported: string[] = [];
  const stop = new AbortController();
  const connection = new NriConnection({
    name: 'containerd',
    address: runtime.address,
    onUnknown: () => undefined,
    onStart: onStart ?? (async () => ({ outcome: 'protected' })),
    whenUnprotected,
    ...(reconfigureMilliseconds !== undefined && { reconfigureMilliseconds }),
  });
  const registered = runtime.pluginRegistered();
  const followed = connection.follow(
    {
      running: (all) => {
        reported.push(`running ${all.map(({ pid, description }) => `${description.id}/${pid}`).join(' ')}`);
        onRunning?.();
      },
      started: ({ pid, description }) =>
        reported.push(`started ${description.id}/${pid} ${description.namespace}/${description.labels.app}`),
      ended: (id) => reported.push(`ended ${id}`),
    },
    () => reported.push('connected'),
    stop.signal,
  );
  const end = followed.then(
    () => 'resolved',
    (error: Error) => error.message,
  );
  context.after(() => {
    stop.abort();
    runtime.close();
  });
  await registered;
  return { runtime, reported, stop, end };
}

const startOf = (id: string, pid = 7) => ({
  container: container(id, 'p', pid, ContainerState.CONTAINER_CREATED),
  pod: pod('p', { app: 'counter', 'io.cri-containerd.kind': 'sandbox' }),
});

test('the plugin registers under its name, and subscribes only to starts and ends', async (context) => {
  const { runtime } = await connected(context);
  assert.deepEqual(runtime.registrations, [{ pluginName: 'hauberk', pluginIdx: '10' }]);
  const { events } = await runtime.configure();
  assert.equal(events, (1 << (6 - 1)) | (1 << (10 - 1)) | (1 << (11 - 1)));
});

test('if starts are to be refused, a runtime that supports it is told to fail unanswered ones', async (context) => {
  const refusing = await connected(context, { whenUnprotected: () => 'refuse' });
  assert.deepEqual((await refusing.runtime.configure()).failurePolicy, { failRequest: true, keepConnected: true });
  const allowing = await connected(context, { whenUnprotected: () => 'allow' });
  assert.deepEqual((await allowing.runtime.configure()).failurePolicy, { failRequest: false, keepConnected: false });
});

test('running containers are reported together, also if the runtime sends them in parts', async (context) => {
  const { runtime, reported } = await connected(context);
  await runtime.configure();
  assert.deepEqual(await runtime.synchronize({ pods: [pod('p')], containers: [container('a', 'p', 1)], more: true }), {
    more: true,
  });
  assert.deepEqual(reported, []);
  assert.deepEqual(await runtime.synchronize({ pods: [pod('q')], containers: [container('b', 'q', 2)] }), {
    more: false,
  });
  assert.deepEqual(reported, ['connected', 'running a/1 b/2']);
});

test('a container that is about to start is reported with running ones; an ended one, or one without a process or pod, is not', async (context) => {
  const { runtime, reported } = await connected(context);
  await runtime.configure();
  await runtime.synchronize({
    pods: [pod('p')],
    containers: [
      container('made', 'p', 0, ContainerState.CONTAINER_CREATED),
      container('starting', 'p', 3, ContainerState.CONTAINER_CREATED),
      container('paused', 'p', 4, ContainerState.CONTAINER_PAUSED),
      container('ended', 'p', 5, ContainerState.CONTAINER_STOPPED),
      container('unknown', 'p', 6, ContainerState.CONTAINER_UNKNOWN),
      container('without a pod', 'q', 7),
    ],
  });
  assert.deepEqual(reported, ['connected', 'running starting/3 paused/4']);
});

test("starts and ends of old and new releases are reported, with the pod's labels", async (context) => {
  const { runtime, reported } = await connected(context);
  await runtime.configure();
  await runtime.call(
    'StateChange',
    StateChangeEvent.encode({ event: Event.START_CONTAINER, ...startOf('old') }).finish(),
  );
  await runtime.call(
    'StateChange',
    StateChangeEvent.encode({ event: Event.REMOVE_CONTAINER, ...startOf('old') }).finish(),
  );
  await runtime.call('StartContainer', ContainerRequest.encode(startOf('new')).finish());
  await runtime.call('StopContainer', ContainerRequest.encode(startOf('new')).finish());
  await runtime.call('RemoveContainer', ContainerRequest.encode(startOf('new')).finish());
  assert.deepEqual(reported, [
    'started old/7 shop/counter',
    'ended old',
    'started new/7 shop/counter',
    'ended new',
    'ended new',
  ]);
});

test('a start is answered only when its outcome is known', async (context) => {
  let decide = (): void => undefined;
  const { runtime } = await connected(context, {
    onStart: () =>
      new Promise((resolve) => {
        decide = () => resolve({ outcome: 'protected' });
      }),
  });
  await runtime.configure();
  let answered = false;
  const start = runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish()).then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(answered, false);
  decide();
  await start;
});

test('a start without protection is refused with the reason, and not reported', async (context) => {
  const onStart: OnStart = async ({ id }) => {
    if (id === 'thrown') throw new Error('the store is full');
    return { outcome: 'unprotected', reason: 'its policies do not fit' };
  };
  const { runtime, reported } = await connected(context, { onStart });
  await runtime.configure();
  for (const [id, pid, reason] of [
    ['told', 7, 'its policies do not fit'],
    ['thrown', 7, 'the store is full'],
    ['nobody', 0, 'the runtime names no process of it'],
  ] as const)
    await assert.rejects(runtime.call('StartContainer', ContainerRequest.encode(startOf(id, pid)).finish()), {
      code: 9,
      message: `Hauberk refuses the start: ${reason}`,
    });
  await assert.rejects(
    runtime.call('StartContainer', ContainerRequest.encode({ ...startOf('a'), pod: undefined }).finish()),
    { code: 9, message: 'Hauberk refuses the start: the runtime names no pod of it' },
  );
  assert.deepEqual(reported, []);
});

test('if starts are allowed, an unprotected one continues and is reported', async (context) => {
  const { runtime, reported } = await connected(context, {
    whenUnprotected: () => 'allow',
    onStart: async () => ({ outcome: 'unprotected', reason: 'no room' }),
  });
  await runtime.configure();
  await runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish());
  assert.deepEqual(reported, ['started a/7 shop/counter']);
});

test('an exempt container continues when its time is up and when the daemon stops, and without a process', async (context) => {
  const asked: number[] = [];
  const { runtime, reported, stop } = await connected(context, {
    whenUnprotected: (container) => (container?.name === 'name-exempt' ? 'allow' : 'refuse'),
    onStart: ({ pid }) => {
      asked.push(pid);
      return new Promise(() => undefined);
    },
  });
  await runtime.configure();
  const start = (id: string, pid: number, milliseconds: number) =>
    runtime.call('StartContainer', ContainerRequest.encode(startOf(id, pid)).finish(), milliseconds);
  await start('exempt', 0, 2000);
  await start('exempt', 7, 1000);
  await assert.rejects(start('other', 8, 1000), { code: 9 });
  const last = start('exempt', 9, 2000);
  await eventually(() => asked.includes(9));
  stop.abort();
  await last;
  assert.deepEqual(
    reported,
    [7, 9].map((pid) => `started exempt/${pid} shop/counter`),
  );
});

test('the plugin connects again when it would be configured otherwise, once no start waits', async (context) => {
  let whenUnprotected: WhenUnprotected = 'refuse';
  let isAsked = false;
  let decide = (): void => undefined;
  const { runtime, end } = await connected(context, {
    whenUnprotected: () => whenUnprotected,
    reconfigureMilliseconds: 10,
    onStart: () =>
      new Promise((resolve) => {
        decide = () => resolve({ outcome: 'protected' });
        isAsked = true;
      }),
  });
  await runtime.configure();
  await runtime.synchronize({});
  const start = runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish());
  await eventually(() => isAsked);
  whenUnprotected = 'allow';
  await new Promise((resolve) => setTimeout(resolve, 50));
  decide();
  await start;
  assert.equal(await end, 'what happens to unanswered starts has changed');
});

test('whether a start is refused is asked anew for each', async (context) => {
  let whenUnprotected: WhenUnprotected = 'refuse';
  const { runtime } = await connected(context, {
    whenUnprotected: () => whenUnprotected,
    onStart: async () => ({ outcome: 'unprotected', reason: 'no room' }),
  });
  await runtime.configure();
  const start = () => runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish());
  await assert.rejects(start(), { code: 9 });
  whenUnprotected = 'allow';
  await start();
});

for (const whenUnprotected of ['refuse', 'allow'] as const)
  test(`a start that is undecided when the runtime's time is up is answered: ${whenUnprotected}`, async (context) => {
    const reasons: string[] = [];
    const { runtime } = await connected(context, {
      whenUnprotected: () => whenUnprotected,
      onStart: (_container, signal) =>
        new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason.message))),
    });
    await runtime.configure();
    const start = runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish(), 300);
    if (whenUnprotected === 'allow') await start;
    else await assert.rejects(start, { code: 9 });
    assert.deepEqual(reasons, ['not under its policies within 150 ms']);
  });

test('a waiting start is decided before the connection ends when the daemon stops', async (context) => {
  const { runtime, stop, end } = await connected(context, { onStart: () => new Promise(() => undefined) });
  await runtime.configure();
  const start = runtime.call('StartContainer', ContainerRequest.encode(startOf('a')).finish());
  await new Promise((resolve) => setTimeout(resolve, 50));
  stop.abort();
  await assert.rejects(start, { code: 9, message: 'Hauberk refuses the start: hauberkd is stopping' });
  assert.equal(await end, 'resolved');
});

test('a list that was handled too late ends the connection, since the runtime may have dropped the plugin', async (context) => {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const { runtime, end } = await connected(context, { onRunning: () => Atomics.wait(sleeper, 0, 0, 1900) });
  await runtime.configure();
  runtime.synchronize({}).catch(() => undefined);
  assert.equal(await end, 'the list of containers was read too late for the runtime');
});

test('a method without subscription returns UNIMPLEMENTED', async (context) => {
  const { runtime } = await connected(context);
  await assert.rejects(runtime.call('CreateContainer', new Uint8Array()), {
    code: 12,
    message: 'nri.pkg.api.v1alpha1.Plugin/CreateContainer is not served',
  });
});

test('the end of a connection is reported with its cause', async (context) => {
  const early = await connected(context);
  early.runtime.close();
  assert.equal(await early.end, 'the runtime closed the connection before it listed its containers');

  const later = await connected(context);
  await later.runtime.synchronize({});
  later.runtime.close();
  assert.equal(await later.end, 'the runtime closed the connection');

  const ordered = await connected(context);
  await ordered.runtime.call('Shutdown', new Uint8Array());
  ordered.runtime.close();
  assert.equal(await ordered.end, 'the runtime is shutting down');

  const broken = await connected(context);
  broken.runtime.socket!.write(Buffer.alloc(8, 0xff));
  assert.equal(await broken.end, 'a frame of 4294967295 bytes, where at most 4194314 are allowed');
});

test('a runtime that has no socket for plugins is reported with the path', async () => {
  const connection = new NriConnection({
    name: 'containerd',
    address: '/nonexistent/nri.sock',
    onStart: () => assert.fail('nothing starts'),
    onUnknown: () => assert.fail('nothing starts'),
    whenUnprotected: () => 'refuse',
  });
  const sink = { running: () => undefined, started: () => undefined, ended: () => undefined };
  await assert.rejects(
    connection.follow(sink, () => undefined, new AbortController().signal),
    /ENOENT .*\/nonexistent\/nri\.sock/,
  );
});
