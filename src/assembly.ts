import type { Logger } from 'pino';
import type { Closers } from './closers.js';
import type { Config } from './config/config.js';
import { openContainerSources } from './container-sources.js';
import { afterChange } from './control/after-change.js';
import { ContainerRegistry } from './control/container-registry.js';
import type { ControlPlane } from './control/control-plane.js';
import { DryRunPool } from './control/dry-run-pool.js';
import { Expiry } from './control/expiry.js';
import { HookCoverage } from './control/hook-coverage.js';
import type { HostFacts } from './control/host.js';
import { HostState } from './control/host-state.js';
import { logLeftOut } from './control/left-out-log.js';
import { diffPolicies } from './control/policy-diff.js';
import { PolicyRegistry } from './control/policy-registry.js';
import { ProfileRegistry } from './control/profile-registry.js';
import { StoredStart } from './control/stored-start.js';
import { VisibilityRegistry } from './control/visibility-registry.js';
import { DaemonMetrics } from './daemon-metrics.js';
import { DaemonReports } from './daemon-reports.js';
import { EarlierPrograms } from './earlier-programs.js';
import { openEnforcing } from './enforcing.js';
import { noteOf, POLICY_OVERRIDE } from './events/note.js';
import type { Enforcer } from './kernel/enforcer.js';
import { type ClusterAccess, type FollowedCluster, followCluster } from './kubernetes/follow-cluster.js';
import { Notifier } from './notifier.js';
import { openObservation } from './observation.js';
import type { Store } from './store/store.js';

/** The parts that the daemon is assembled from. */
export interface AssemblyParts {
  readonly config: Config;
  readonly access: ClusterAccess | undefined;
  readonly host: HostFacts;
  readonly logger: Logger;
  readonly store: Store;
  readonly kernel: Enforcer;
  /** Each part is registered here before it may have to be closed. */
  readonly closers: Closers;
}

/** Loads what was kept, brings the kernel into agreement with it and starts reading events. */
export async function assemble(parts: AssemblyParts) {
  const made = await makeParts(parts);
  const cluster = await startParts(made, parts);
  const { enforcement, plane, metrics, metricsServer, flow, sources } = made;
  return { enforcement, plane, metricsServer, metrics, hub: flow.hub, sources, cluster };
}

/** No part uses one that is made after it: what it has to tell that one goes through the notifier. */
async function makeParts({ config, access, host: found, logger, store, kernel, closers }: AssemblyParts) {
  const followsCluster = access !== undefined;
  const notifier = new Notifier();

  const enforcing = await openEnforcing({ config, followsCluster, host: found, logger, store, kernel, notifier });
  const { stored, settings, subject, enforcement, holders, files, ledger, integrity } = enforcing;
  const containers = new ContainerRegistry(ledger, enforcement, settings);
  const followed = { config, followsCluster, host: found, kernel, registry: containers, notifier, logger };
  const { unprotected, tracker, intake, pods, sources } = openContainerSources(followed);
  const reports = new DaemonReports(kernel, store, integrity, unprotected);
  reports.addFollower(sources);
  const host = new HostState(kernel, enforcement, ledger, reports);
  notifier.on('status', () => host.announce());
  logLeftOut(host, (id) => containers.get(id)?.name, logger);

  const dryRuns = new DryRunPool();
  closers.add('dry runs', () => dryRuns.close());
  const coverage = new HookCoverage(kernel.missingHooks);
  const policies = new PolicyRegistry(ledger, enforcement.rules, subject, enforcement, dryRuns, coverage, files);
  const expiry = new Expiry(policies, logger);
  const visibility = new VisibilityRegistry(ledger, settings);

  const observed = { config, kernel, store, ledger, enforcement, hostRoot: found.root, notifier, logger, closers };
  const observation = await openObservation(observed);
  const { memory, recordings, telemetry, flow, now } = observation;
  const profiles = new ProfileRegistry(ledger, recordings);
  const plane: ControlPlane = {
    policies,
    containers,
    tracker,
    host,
    unprotected,
    intake,
    profiles,
    visibility,
    telemetry,
    judge: async (change) => diffPolicies(change, enforcement.rules, memory, recordings),
  };
  const measured = { plane, kernel, integrity, holders, observation, notifier, logger };
  const { metrics, server: metricsServer } = new DaemonMetrics({ address: config.metrics, ...measured });
  reports.addProblem(() => metricsServer?.problem);

  const earlier = new EarlierPrograms(kernel, logger);
  const resume = async () => {
    await recordings.resume(stored);
    tracker.resume();
    earlier.remove();
  };
  const start = new StoredStart(stored, store, kernel, ledger, resume, logger);
  notifier.on('changed', () => afterChange({ host, expiry, recordings, start, logger }));
  const control = { enforcement, holders, ledger, integrity, recordings, tracker, expiry, earlier, start };
  return { ...control, plane, pods, sources, reports, flow, now, metrics, metricsServer };
}

/** In this order; what is started later is closed earlier. */
async function startParts(
  made: Awaited<ReturnType<typeof makeParts>>,
  { config, access, logger, kernel, closers }: AssemblyParts,
): Promise<FollowedCluster | undefined> {
  const { ledger, recordings, tracker, expiry, earlier, start, integrity, holders, flow } = made;
  kernel.limitEvents({ perSecond: config.eventsPerSecond, burst: config.eventBurst });
  // They may still read from the ring, and are written once nothing changes any more.
  closers.add('recordings', () => recordings.write());
  closers.add('changes', () => ledger.stop());
  closers.add('container watches', () => tracker.stop());
  closers.add('expiry', () => expiry.stop());
  closers.add('removal of earlier programs', () => earlier.stop());
  await start.start();
  const cluster = access && (await clusterFor(access, made, logger));
  closers.add('cluster', () => cluster?.stop());
  closers.add('integrity watch', () => integrity.stop());
  integrity.start();
  closers.add('search of holders', () => holders.stop());
  holders.start();
  flow.ring.start(() => flow.reader.read(flow.ring));
  return cluster;
}

/** The cluster, which is followed once it is started. */
async function clusterFor(
  access: ClusterAccess,
  { plane, pods, sources, flow, now, reports }: Awaited<ReturnType<typeof makeParts>>,
  logger: Logger,
): Promise<FollowedCluster> {
  const { policies, visibility, host } = plane;
  const cluster = await followCluster(access, {
    policies,
    visibility,
    pods,
    host,
    logger,
    onPods: () => sources.refineAgain(),
    onOverride: (pod, message) => flow.events.add([noteOf(POLICY_OVERRIDE, message, { ...pod, id: '' }, now())]),
  });
  reports.addFollower({ statuses: () => [cluster.status()], warnings: () => cluster.warnings() });
  return cluster;
}
