/**
 * The daemon's code from the ring to the streams, in a process of its own; only the records come from bench.bpf.c.
 * The descriptor of the ring is inherited as number 4.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Container } from '../../src/containers/container.js';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import { DetailsLookup } from '../../src/events/details.js';
import { EventHub, HISTORY_CAPACITY } from '../../src/events/hub.js';
import { rememberAccess } from '../../src/events/observed.js';
import { EventReader } from '../../src/events/reader.js';
import type { RuleDescription } from '../../src/events/rule-description.js';
import { archiveOf } from '../../src/journal/archive.js';
import { EventLog } from '../../src/journal/event-log.js';
import { Journal } from '../../src/journal/journal.js';
import { clockOffset } from '../../src/kernel/clock.js';
import { COUNTERS, type Counter } from '../../src/kernel/counters.js';
import { RingBuffer } from '../../src/kernel/ring-buffer.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { AccessMemory } from '../../src/profile/access-memory.js';
import { newEncoder } from '../../src/rpc/event-message.js';
import { eventServiceOf } from '../../src/rpc/event-service.js';
import { startServer } from '../../src/rpc/server.js';
import { processorMilliseconds } from '../support/processor-time.js';
import { CONTAINERS, type ServerReady, type ServerReport } from './messages.js';

const RING_DESCRIPTOR = 4;
const RING_BYTES = 8 * 1024 * 1024;
/** All clients of the benchmark are one user. */
const STREAMS_MAX = 2000;

const containers = CONTAINERS.map(
  (id, index): Container => ({
    id,
    name: `${id}-7c9f5d6b4-x2x8k`,
    namespace: 'production',
    labels: { app: 'web', tier: 'front', 'pod-template-hash': '7c9f5d6b4' },
    origin: 'registered',
    namespaces: { pidNamespace: index, mountNamespace: index },
    links: {},
  }),
);
const rule: RuleDescription = {
  policy: 'protect-credentials',
  policyNamespace: 'production',
  rule: 'file.matchDirectories[3]',
  severity: 7,
  tags: ['credentials', 'MITRE_T1552'],
  message: 'a program reads credentials it has no business with',
  class: 'file',
};

const ring = new RingBuffer(RING_DESCRIPTOR, RING_BYTES);
const directory = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
const logger = pino({ level: 'warn' }, pino.destination(2));
/** The daemon's defaults. */
const JOURNAL = { bytes: 256 * 1024 * 1024, seconds: 604_800 };
const journal =
  process.argv[2] === 'journal'
    ? await Journal.open(join(directory, 'journal'), JOURNAL, { id: 1n, position: ring.position }, logger)
    : undefined;
const hub = new EventHub(HISTORY_CAPACITY, journal && archiveOf(journal));
const now = () => process.hrtime.bigint() + clockOffset();
const events = new EventLog({
  hub,
  ...(journal !== undefined && { journal }),
  encoder: newEncoder(),
  ring,
  ringId: 1n,
  dropped: () => 0,
  now,
  onPublished: (published) => metrics.observeEvents(published, now()),
  onRoom: () => reader.read(ring),
});
const memory = new AccessMemory();
const reader = new EventReader(
  {
    containerOf: ({ pidNamespace }) => containers[pidNamespace],
    ruleOf: () => rule,
    details: new DetailsLookup({ hostName: 'bench', machineId: '0'.repeat(32) }),
  },
  (read) => events.take(read),
  () => undefined,
  // As the daemon does, so that its cost is included.
  (record) => rememberAccess(memory, String(record.pidNamespace), record),
);
const metrics = new Metrics({
  intake: new IntakeCounts(),
  repairs: { pinsAndSettings: 0, containers: 0 },
  protectedContainers: () => ({ hook: 0, event: 0, registered: 0 }),
  overriddenContainers: () => ({ audited: 0, disabled: 0 }),
  status: () => ({
    version: '',
    kernelRelease: '',
    securityModules: [],
    enforcing: true,
    reason: '',
    programs: [],
    missingHooks: [],
    kernelTested: true,
    policies: 1,
    containers: containers.length,
    images: 1,
    started: new Date(),
    adopted: false,
    sources: [],
    warnings: [],
    unprotected: [],
    leftOut: new Map(),
    revision: 1,
    enforcedRevision: 1,
  }),
  kernelCounters: () => Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>,
  recursionMisses: () => new Map(),
  ringWakeUps: () => ring.wakeUps,
  eventCounts: () => hub.counts(),
  undecodableRecords: () => ring.undecodable,
  forgottenAccesses: () => memory.forgotten,
  lostAccesses: () => 0,
  policies: () => [],
  runningProfiles: () => 0,
});

ring.start(() => reader.read(ring));
const server = await startServer({
  listen: `unix:${join(directory, 'bench.sock')}`,
  services: [eventServiceOf(hub)],
  limits: { streamsPerClient: STREAMS_MAX, connections: STREAMS_MAX, requestsPerSecond: STREAMS_MAX },
  logger,
});
process.on('message', () => {
  if (ring.undecodable > 0) throw new Error(`${ring.undecodable} records could not be decoded`);
  const report: ServerReport = {
    peakMebibytes: process.resourceUsage().maxRSS / 1024,
    processorMilliseconds: processorMilliseconds(),
    missed: hub.counts().missed,
  };
  process.send!(report);
});
process.on('disconnect', () => {
  rmSync(directory, { recursive: true });
  process.exit();
});
const ready: ServerReady = { address: server.address, clockOffset: String(clockOffset()) };
process.send!(ready);
