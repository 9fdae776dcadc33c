import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Closers } from '../../src/closers.js';
import { parseConfig } from '../../src/config/config.js';
import { type EventFlowParts, openEventFlow } from '../../src/event-flow.js';
import type { SecurityEvent } from '../../src/events/event.js';
import { describeObject } from '../../src/image/describe-object.js';
import { decodeRecord, type EventRecord, FLAGS } from '../../src/kernel/event-record.js';
import { recordBytes } from '../support/event-record.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const NOW = 5_000_000_000n;
const POLICY = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: one, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, file: {matchPaths: [{path: /etc/shadow}]}, action: Block}
`;

/** The part of the kernel that events need: the ring and more. */
class FakeKernel {
  readonly ringId = 9n;
  readonly calls: string[] = [];
  readonly waiting: Buffer[] = [];
  position: bigint;
  released: bigint;
  skippedTo: bigint | undefined;
  dropped = 0;
  suppressedEvents = 0;

  constructor(position = 0n) {
    this.position = position;
    this.released = position;
  }

  get written(): bigint {
    return this.position + BigInt(this.waiting.length);
  }

  get kept(): number {
    return Number(this.position - this.released);
  }

  openRing = () => this;
  close = () => this.calls.push('close');
  allSuppressed = () => new Map([['11:12', 2]]);
  suppressed = () => this.suppressedEvents;
  droppedRecords = () => this.dropped;

  drain(limit: number, take: (record: EventRecord) => void): number {
    const taken = this.waiting.splice(0, limit);
    this.position += BigInt(taken.length);
    for (const bytes of taken) take(decodeRecord(bytes)!);
    return taken.length;
  }

  release(position: bigint): void {
    this.released = position;
  }

  skipTo(position: bigint): void {
    this.skippedTo = position;
  }
}

interface Options {
  readonly flags?: readonly string[];
  readonly kernel?: FakeKernel;
  readonly stateDir?: string;
}

async function start(
  t: TestContext,
  { flags = [], kernel = new FakeKernel(), stateDir = newDirectory(t) }: Options = {},
) {
  const plane = new InMemoryControlPlane();
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await plane.tracker.register(
    { id: 'c1', name: 'web', namespace: 'shop', labels: { app: 'web' }, origin: 'registered' },
    NAMESPACES,
  );
  await plane.policies.apply(plane.policies.readManifest(POLICY));
  const observed: SecurityEvent[] = [];
  const closers = new Closers({ warn: (_, message) => assert.fail(message) });
  t.after(() => closers.close());
  const flow = await openEventFlow({
    config: parseConfig(['--state-dir', stateDir, ...(flags.length > 0 ? flags : ['--journal-bytes', '0'])], () => ''),
    kernel: kernel as unknown as EventFlowParts['kernel'],
    ledger: plane.ledger,
    enforcement: plane.enforcement,
    recordings: plane.recordings,
    telemetry: plane.telemetry,
    memory: plane.memory,
    host: { hostName: 'here', machineId: 'm' },
    logger: { info: () => undefined, warn: () => undefined } as unknown as EventFlowParts['logger'],
    now: () => NOW,
    observe: (events) => observed.push(...events),
    closers,
  });
  const subscription = flow.hub.subscribe(() => true, { onWaiting: () => undefined });
  const { imageId } = plane.kernel.published.get('11:12')!;
  /** Makes the kernel report these records; returns the events that streams get. */
  const report = (...fields: Parameters<typeof recordBytes>[0][]) => {
    kernel.waiting.push(...fields.map((each) => recordBytes({ imageId, ...each })));
    flow.reader.read(kernel);
    return subscription.take(100).events;
  };
  const remembered = () =>
    (plane.memory.of(new Set(['c1'])).get('c1') ?? []).map(({ object }) => describeObject(object));
  return { plane, kernel, flow, closers, observed, subscription, report, remembered };
}

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-flow-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a denial is published with its container and rule, counted and remembered, and its record is released', async (t) => {
  const { kernel, flow, observed, report, remembered } = await start(t);
  const [event, ...others] = report({});
  assert.deepEqual(
    [event?.containerName, event?.policy, event?.rule, event?.action, event?.object, event?.details?.hostName],
    ['web', 'one', 'file.matchPaths[0]', 'Block', '/etc/shadow', 'here'],
  );
  assert.deepEqual([others, observed], [[], [event]]);
  assert.deepEqual([kernel.released, kernel.position], [1n, 1n]);
  assert.deepEqual(remembered(), ['/etc/shadow']);
  assert.equal(flow.events.next, 2);
});

test('an access whose path could not be found is reported, and not remembered', async (t) => {
  const { report, remembered } = await start(t);
  assert.equal(report({ pathResult: 'unreachable' }).length, 1);
  assert.deepEqual(remembered(), []);
});

test('an access that a profile learns is kept only there, unless it is also denied', async (t) => {
  const { plane, observed, report, remembered } = await start(t);
  await plane.profiles.start('p', { kind: 'selector', namespace: 'shop', matchLabels: { app: 'web' } }, 0);
  const learn = (access: bigint, object: string, action: number) => {
    plane.counts.add({ container: NAMESPACES, access }, 1);
    return report({ access, object, action, flags: FLAGS.observed });
  };
  assert.deepEqual(learn(1n, '/etc/passwd', 0), []);
  assert.deepEqual(
    learn(2n, '/etc/shadow', 2).map(({ object }) => object),
    ['/etc/shadow'],
  );
  const { containers } = await plane.profiles.get('p');
  assert.deepEqual(
    containers[0]!.accesses.map(({ object }) => describeObject(object)),
    ['/etc/passwd', '/etc/shadow'],
  );
  assert.deepEqual([remembered(), observed.length], [[], 1]);
});

test('an allowed access is telemetry if it is visible, and dropped otherwise', async (t) => {
  const { plane, report, remembered } = await start(t);
  const allowed = (access: bigint, object: string) => {
    plane.counts.add({ container: NAMESPACES, access }, 1);
    return report({ access, object, action: 0, flags: FLAGS.observed });
  };
  assert.deepEqual(allowed(1n, '/etc/hosts'), []);
  assert.deepEqual(plane.counts.list(), []);
  await plane.visibility.set({ namespace: 'shop', matchLabels: {} }, ['file']);
  const telemetry = plane.telemetry.hub.subscribe(() => true, { onWaiting: () => undefined });
  assert.deepEqual(allowed(2n, '/etc/passwd'), []);
  plane.telemetry.report();
  assert.deepEqual(
    telemetry.take(10).events.map(({ object }) => object),
    ['/etc/passwd'],
  );
  assert.deepEqual(remembered(), []);
});

test('without a profile a denial that is also observed is remembered', async (t) => {
  const { report, remembered } = await start(t);
  report({ action: 2, flags: FLAGS.observed });
  assert.deepEqual(remembered(), ['/etc/shadow']);
});

test('a denial that the kernel does not count is remembered, and no profile learns it', async (t) => {
  const { plane, report, remembered } = await start(t);
  await plane.profiles.start('p', { kind: 'selector', namespace: 'shop', matchLabels: { app: 'web' } }, 0);
  assert.equal(report({ access: 5n, action: 2 }).length, 1);
  const { containers } = await plane.profiles.get('p');
  assert.deepEqual(containers[0]!.accesses, []);
  assert.deepEqual(remembered(), ['/etc/shadow']);
});

test('events that the kernel suppressed since the daemon started are summed up once a second', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { kernel, closers, subscription, report } = await start(t);
  assert.equal(report({ flags: FLAGS.lastToken }).length, 1);
  kernel.suppressedEvents = 7;
  t.mock.timers.tick(1000);
  assert.deepEqual(
    subscription.take(10).events.map(({ containerName, suppressed, time }) => [containerName, suppressed, time]),
    [['web', 5, NOW]],
  );
  await closers.close();
  kernel.suppressedEvents = 9;
  t.mock.timers.tick(1000);
  assert.equal(subscription.take(10).events.length, 0);
});

test('a silenced container is announced once, and the number of dropped events when its silence ends', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const flags = ['--journal-bytes', '0', '--max-alerts-per-second', '1', '--alert-silence', '30'];
  const { closers, observed, subscription, report } = await start(t, { flags });
  const [first, announced, ...others] = report({}, {}, {});
  assert.deepEqual([first?.policy, announced?.policy, others], ['one', 'RateLimit', []]);
  assert.equal(observed.filter(({ policy }) => policy === 'one').length, 3, 'dropped events are counted too');
  t.mock.timers.tick(30_000);
  assert.deepEqual(
    subscription.take(10).events.map(({ suppressed, time }) => [suppressed, time]),
    [[2, NOW]],
  );
  report({}, {});
  await closers.close();
  t.mock.timers.tick(30_000);
  assert.equal(subscription.take(10).events.length, 0);
});

test('records without room in the ring are reported once', async (t) => {
  const { kernel, report } = await start(t);
  kernel.dropped = 3;
  const [, note, ...others] = report({});
  assert.match(note!.message, /3/);
  assert.deepEqual([others.length, report({}).length], [0, 1]);
});

test('the next daemon continues after the events in the journal, in sequence numbers and in the ring', async (t) => {
  const stateDir = newDirectory(t);
  const flags = ['--journal-bytes', `${1024 * 1024}`];
  const first = await start(t, { flags, stateDir });
  first.report({}, {});
  await first.closers.close();
  assert.deepEqual([first.kernel.calls, first.flow.events.next, first.kernel.released], [['close'], 3, 2n]);

  const second = await start(t, { flags, stateDir });
  assert.deepEqual([second.flow.events.next, second.kernel.skippedTo], [3, 2n]);
  const third = await start(t, { stateDir });
  assert.deepEqual([third.flow.journal, third.flow.events.next, third.kernel.skippedTo], [undefined, 1, undefined]);
});
