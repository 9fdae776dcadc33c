import type { Logger } from 'pino';
import type { ControlPlane } from './control/control-plane.js';
import type { HolderSearch } from './control/holder-search.js';
import type { IntegrityWatch } from './control/integrity-watch.js';
import type { Enforcer } from './kernel/enforcer.js';
import { Metrics } from './metrics/metrics.js';
import { MetricsServer } from './metrics/server.js';
import type { Notifier } from './notifier.js';
import type { Observation } from './observation.js';

export interface DaemonMetricsParts {
  /** Where they are served, or `off`. */
  readonly address: string;
  readonly plane: Pick<ControlPlane, 'host' | 'intake' | 'containers' | 'policies' | 'visibility' | 'profiles'>;
  readonly kernel: Pick<Enforcer, 'counters' | 'recursionMisses' | 'ringWakeUps'>;
  readonly integrity: Pick<IntegrityWatch, 'counts'>;
  readonly holders: Pick<HolderSearch, 'held'>;
  readonly observation: Observation;
  readonly notifier: Notifier;
  readonly logger: Logger;
}

/** The metrics with where each figure comes from, and their server. */
export class DaemonMetrics {
  readonly metrics: Metrics;
  /** Undefined where they are not served. Not started yet. */
  readonly server: MetricsServer | undefined;

  constructor({ address, plane, kernel, integrity, holders, observation, notifier, logger }: DaemonMetricsParts) {
    const { host, intake, containers, policies, visibility, profiles } = plane;
    const { memory, recordings, telemetry, exporters, now } = observation;
    const { ring, journal, hub, throttle, details } = observation.flow;
    this.metrics = new Metrics({
      status: () => host.status(),
      intake,
      repairs: integrity.counts,
      held: () => holders.held,
      protectedContainers: () => containers.countByProtection(),
      overriddenContainers: () => containers.countByOverride(),
      kernelCounters: () => kernel.counters(),
      recursionMisses: () => kernel.recursionMisses(),
      ringWakeUps: () => kernel.ringWakeUps,
      eventCounts: () => hub.counts(),
      throttledEvents: () => throttle.dropped,
      undecodableRecords: () => ring.undecodable,
      forgottenAccesses: () => memory.forgotten,
      lostAccesses: () => recordings.lost,
      telemetry: () => ({
        reported: telemetry.reported,
        dropped: telemetry.dropped,
        missed: telemetry.hub.counts().missed,
      }),
      visibleContainers: () => visibility.countContainers(),
      policies: () => policies.list(),
      containers: () => containers.list(),
      closedConnections: () => this.server?.closedConnections ?? 0,
      ...(journal !== undefined && { unjournaledEvents: () => journal.counts().lost }),
      eventsWithoutDetails: () => details.omitted,
      exports: () => exporters.map((each) => ({ name: each.name, ...each.counts() })),
      runningProfiles: () => profiles.list().filter(({ stopped }) => stopped === undefined).length,
    });
    const { registry } = this.metrics;
    const onStatus = () => void notifier.emit('status');
    this.server = address === 'off' ? undefined : new MetricsServer({ address, registry, logger, onStatus });
    notifier.on('applied', (seconds) => this.metrics.observeApply(seconds));
    notifier.on('published', (events) => this.metrics.observeEvents(events, now()));
  }
}
