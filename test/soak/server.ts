import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import type { SecurityEvent } from '../../src/events/event.js';
import { rememberAccess } from '../../src/events/observed.js';
import { startExports } from '../../src/export/exports.js';
import { COUNTERS, type Counter } from '../../src/kernel/counters.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { MetricsServer } from '../../src/metrics/server.js';
import { REMEMBERED_MAX } from '../../src/profile/access-memory.js';
import { createKubearmorServices } from '../../src/rpc/kubearmor/services.js';
import { startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { Store } from '../../src/store/store.js';
import { recordOf } from '../support/event-record.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';
import { journaledEvents } from '../support/journaled-events.js';
import { makeEvent } from '../unit/events/support.js';
import { KUBEARMOR_SOCKET, SOCKET } from './socket-names.js';

/**
 * A program: the daemon's storage and servers over an in-memory kernel: store, journal, export, metrics, both APIs on Unix
 * sockets, and one with TLS, with a constant flow of events. Parameter: a directory of its own with certificates.
 * Reports by messages its addresses and, on each request, the memory that it holds after a garbage collection. A request names
 * the file for a heap snapshot, or is empty.
 */

/** The resources that a process holds. */
export interface Holding {
  readonly heap: number;
  /** Bytes of buffers. */
  readonly buffers: number;
  readonly resident: number;
  readonly descriptors: number;
  readonly threads: number;
}

export interface Listening {
  readonly tlsPort: number;
  readonly metricsPort: number;
}

const CONTAINERS = 200;
const EVENTS_A_BATCH = 20;
const BATCH_MILLISECONDS = 20;
/** Small, so that files are created and deleted. */
const JOURNAL_BYTES = 16 * 1024 * 1024;
const EXPORT = { bytes: 2 * 1024 * 1024, files: 3 };

setFlagsFromString('--expose-gc');
const collect = (await import('node:vm')).runInNewContext('gc') as () => void;
const directory = process.argv[2]!;
const within = (name: string) => join(directory, name);
const logger = { info: () => undefined, warn: () => undefined, error: console.error };

const plane = new InMemoryControlPlane();
plane.disk = await Store.open(within('state'), within('witness'));
for (let number = 0; number < CONTAINERS; number++) {
  const id = `${number}`.padStart(64, '0');
  const description = {
    id,
    name: `container-${number}`,
    namespace: 'default',
    labels: { app: 'web', pod: `${number}` },
  };
  const namespaces = { pidNamespace: 1000 + number, mountNamespace: 1_000_000 + number };
  await plane.tracker.register({ ...description, origin: 'docker' }, namespaces, { by: 'event' });
}
await plane.recordings.resume({ profiled: [], accesses: [] });
// Full from the beginning, so that it does not grow during the measurement.
for (let number = 0; number < REMEMBERED_MAX; number++) remember(number);

const events = await journaledEvents(within('journal'), {
  limits: { bytes: JOURNAL_BYTES, seconds: 1e9 },
  onPublished: (published) => metrics.observeEvents(published, now()),
});
const { hub } = events;
await startExports(`file:${within('export.jsonl')}`, hub, {
  rotation: EXPORT,
  stateDirectory: directory,
  host: { hostName: 'soak', machineId: '' },
  logger,
});
const descriptorSet = readFileSync('build/descriptors.binpb');
const { services } = createServices({ plane, hub, descriptorSet });
const kubearmor = createKubearmorServices({
  plane,
  hub,
  descriptorSet: readFileSync('build/kubearmor.binpb'),
  logger,
  eventsPerSecond: 0,
  throttle: { perSecond: 0, silence: 0 },
});
// Only the keepalive detects a connection that ends with a violation of HTTP/2.
const limits = { requestsPerSecond: 1000, keepaliveSeconds: 2 };
await startServer({ listen: `unix:${within(SOCKET)}`, services, logger, limits });
await startServer({ listen: `unix:${within(KUBEARMOR_SOCKET)}`, services: kubearmor.services, logger, limits });
const overTls = await startServer({
  listen: '127.0.0.1:0',
  services: createServices({ plane, hub, descriptorSet }).services,
  tls: { certificate: within('server.pem'), key: within('server.key'), clientCa: within('authority.pem') },
  roles: { viewer: ['cn:viewer'], operator: [], admin: [] },
  limits,
  logger,
});

const none = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
const metrics = new Metrics({
  status: () => plane.host.status(),
  intake: new IntakeCounts(),
  repairs: { pinsAndSettings: 0, containers: 0 },
  protectedContainers: () => plane.containers.countByProtection(),
  overriddenContainers: () => plane.containers.countByOverride(),
  kernelCounters: () => none,
  recursionMisses: () => new Map(),
  ringWakeUps: () => 0,
  eventCounts: () => hub.counts(),
  undecodableRecords: () => 0,
  forgottenAccesses: () => plane.memory.forgotten,
  lostAccesses: () => plane.recordings.lost,
  runningProfiles: () => plane.profiles.list().length,
  policies: () => plane.policies.list(),
});
const metricsServer = new MetricsServer({
  address: '127.0.0.1:0',
  registry: metrics.registry,
  logger,
  onStatus: () => undefined,
});
await metricsServer.start();

let number = 0;
setInterval(() => {
  const batch: SecurityEvent[] = [];
  for (let index = 0; index < EVENTS_A_BATCH; index++) {
    number++;
    remember(number);
    batch.push(
      makeEvent({ time: now(), object: `/srv/${number}`, policy: `p${number % 3000}`, hostPid: number % 30_000 }),
    );
  }
  void events.write(batch);
}, BATCH_MILLISECONDS);

/** An access of a container, as the kernel would report it. */
function remember(what: number): void {
  const container = what % CONTAINERS;
  rememberAccess(plane.memory, `${container}`, recordOf({ object: `/srv/${what}` }));
  const namespaces = { pidNamespace: 1000 + container, mountNamespace: 1_000_000 + container };
  plane.recordings.observe(recordOf({ ...namespaces, access: BigInt(what % 5000), object: `/srv/${what % 5000}` }));
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

process.on('message', (snapshot: string) => {
  collect();
  collect();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const holding: Holding = {
    heap: heapUsed,
    buffers: arrayBuffers,
    resident: rss,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
  if (snapshot !== '') writeHeapSnapshot(snapshot);
  process.send!(holding);
});
process.once('disconnect', () => process.exit());
const listening: Listening = { tlsPort: Number(overTls.address.split(':').at(-1)), metricsPort: metricsServer.port! };
process.send!(listening);
