import type { Logger } from 'pino';
import type { Closers } from './closers.js';
import type { Config } from './config/config.js';
import type { Enforcement } from './control/enforcement.js';
import { hostIdentity } from './control/host.js';
import type { Ledger } from './control/ledger.js';
import { Recordings } from './control/recordings.js';
import { openEventFlow } from './event-flow.js';
import { startExports } from './export/exports.js';
import { clockOffset } from './kernel/clock.js';
import type { Enforcer } from './kernel/enforcer.js';
import type { Notifier } from './notifier.js';
import { AccessMemory } from './profile/access-memory.js';
import type { Store } from './store/store.js';
import { openTelemetry } from './telemetry-flow.js';

export interface ObservationParts {
  readonly config: Config;
  readonly kernel: Enforcer;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly enforcement: Enforcement;
  /** Where the host's files are seen. */
  readonly hostRoot: string;
  readonly notifier: Notifier;
  readonly logger: Logger;
  readonly closers: Closers;
}

export type Observation = Awaited<ReturnType<typeof openObservation>>;

/** Makes what becomes of the kernel's reports: profiles, telemetry, events and their exports. Nothing is read yet. */
export async function openObservation(parts: ObservationParts) {
  const { config, kernel, store, ledger, enforcement, hostRoot, notifier, logger, closers } = parts;
  /** Nanoseconds since the Unix epoch. */
  const now = () => process.hrtime.bigint() + clockOffset();
  const host = hostIdentity(hostRoot);
  const memory = new AccessMemory();
  const recordings = new Recordings(ledger, kernel.accesses, store, logger);
  const telemetry = openTelemetry({ config, kernel, ledger, enforcement, recordings, host, now });
  const flow = await openEventFlow({
    config,
    kernel,
    ledger,
    enforcement,
    recordings,
    telemetry,
    memory,
    host,
    logger,
    now,
    observe: (events) => notifier.emit('published', events),
    closers,
  });
  recordings.settleEvents = async () => flow.reader.settle(flow.ring);
  closers.add('telemetry', () => telemetry.stop());
  const rotation = { bytes: config.exportFileBytes, files: config.exportFiles };
  const exporting = { rotation, stateDirectory: config.stateDir, host, logger };
  const exporters = await startExports(config.export, flow.hub, exporting);
  closers.add('exports', () => Promise.all(exporters.map((exporter) => exporter.stop())));
  return { now, memory, recordings, telemetry, flow, exporters };
}
