import { release } from 'node:os';
import type { Logger } from 'pino';
import type { Closers } from './closers.js';
import type { Config } from './config/config.js';
import { policySettingsOf, posturesOf } from './config/policy-settings.js';
import { afterChange } from './control/after-change.js';
import { ContainerRegistry } from './control/container-registry.js';
import { ContainerTracker } from './control/container-tracker.js';
import type { ControlPlane } from './control/control-plane.js';
import { DryRunPool } from './control/dry-run-pool.js';
import { Enforcement } from './control/enforcement.js';
import { Expiry } from './control/expiry.js';
import { HolderSearch } from './control/holder-search.js';
import { HookCoverage } from './control/hook-coverage.js';
import { type HostFacts, hostAsSubject, hostIdentity } from './control/host.js';
import { filesOfHost, withLinksOfHost } from './control/host-files.js';
import { isGuarded } from './control/host-guard.js';
import { HostState } from './control/host-state.js';
import { IntakeCounts } from './control/intake-counts.js';
import { IntegrityWatch } from './control/integrity-watch.js';
import { Ledger } from './control/ledger.js';
import { diffPolicies } from './control/policy-diff.js';
import { PolicyRegistry } from './control/policy-registry.js';
import { ProfileRegistry } from './control/profile-registry.js';
import { UnprotectedContainers } from './control/protection.js';
import { Recordings } from './control/recordings.js';
import { problemOf } from './control/store-status.js';
import { desiredBy, loadStored, StoredStart } from './control/stored-start.js';
import { VisibilityRegistry } from './control/visibility-registry.js';
import { type EventFlow, openEventFlow } from './event-flow.js';
import { noteOf, POLICY_OVERRIDE } from './events/note.js';
import { startExports } from './export/exports.js';
import { clockOffset } from './kernel/clock.js';
import type { Enforcer } from './kernel/enforcer.js';
import { describeMissing, explainMissing } from './kernel/missing-hooks.js';
import { describeUntested, isTested } from './kernel/tested-kernels.js';
import {
  type ClusterAccess,
  type ClusterParts,
  type FollowedCluster,
  followCluster,
} from './kubernetes/follow-cluster.js';
import { Pods } from './kubernetes/pods.js';
import { Metrics } from './metrics/metrics.js';
import { MetricsServer } from './metrics/server.js';
import { readLabels } from './policy/labels.js';
import { AccessMemory } from './profile/access-memory.js';
import { Sources } from './sources/sources.js';
import type { Store } from './store/store.js';
import { openTelemetry } from './telemetry-flow.js';

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
  const { config, access, host: found, logger, store, kernel, closers } = parts;
  const stored = await loadStored(store, kernel, config.discardDamaged, logger);
  const earlier = new Map(stored.imageRecords.map(({ imageId, rules }) => [imageId, rules]));
  const postures = posturesOf(config);
  const subject = config.rescue
    ? undefined
    : hostAsSubject(found.namespaces, readLabels(config.hostLabels), found.links);
  const enforcement = new Enforcement(kernel, postures, earlier, stored.lastImage, subject, policySettingsOf(config));
  const holders = new HolderSearch(
    kernel,
    kernel.containers(),
    (imageId, rule) => enforcement.ruleOf(imageId, rule),
    logger,
    isGuarded,
  );
  enforcement.holders = holders;
  // The last known labels of Kubernetes, until it reports new ones.
  if (access !== undefined) enforcement.replaceHost(enforcement.hostLabelled(stored.hostLabels ?? {}));
  const desired = desiredBy(stored, kernel);
  const files = filesOfHost(found.root);
  const { host: labelled } = enforcement;
  if (labelled !== undefined) enforcement.replaceHost(withLinksOfHost(labelled, desired.policies, enforcement, files));
  const ledger: Ledger = new Ledger(
    enforcement,
    store,
    { desired, revision: stored.revision },
    (seconds) => metrics.observeApply(seconds),
    () => afterChange({ host, expiry, recordings, start, logger }),
  );
  let metricsServer: MetricsServer | undefined;
  let cluster: FollowedCluster | undefined;
  const unprotected = new UnprotectedContainers(() => host.announce());
  for (const missing of kernel.missingHooks) logger.warn(explainMissing(missing));
  if (!isTested(release())) logger.info(describeUntested(release()));
  const host: HostState = new HostState(kernel, enforcement, ledger, {
    kernelProblem: () => integrity.problem,
    sources: () => [...sources.statuses(), ...(cluster === undefined ? [] : [cluster.status()])],
    warnings: () => [
      ...kernel.missingHooks.map(describeMissing),
      ...sources.warnings(),
      ...(cluster?.warnings() ?? []),
      ...[metricsServer?.problem, store.witnessProblem].filter((problem) => problem !== undefined),
    ],
    storeProblem: () => problemOf(store),
    unprotected: () => unprotected.list(),
  });
  store.onStatus = () => {
    const { problem } = store;
    if (problem === undefined) logger.info({ stateDir: config.stateDir }, 'the state can be written again');
    else logger.error({ err: problem }, problem.message);
    host.announce();
  };
  const integrity: IntegrityWatch = new IntegrityWatch(kernel, enforcement, ledger, logger, () => host.announce());
  const containers = new ContainerRegistry(ledger);
  const tracker = new ContainerTracker(containers, logger, found.namespaces.mountNamespace, (path, process) =>
    kernel.layers.examine(path, process),
  );
  const intake = new IntakeCounts();
  const pods = new Pods((id) => containers.get(id), config.podOverrides);
  const sources: Sources = new Sources({
    config,
    // If no cluster is followed any more, what was known about its pods must not be kept forever.
    ...(access !== undefined && { refine: (description) => pods.describe(description) }),
    tracker,
    registry: containers,
    unprotected,
    counts: intake,
    logger,
    hostRoot: found.root,
    socketRoots: [...new Set(['', found.root])],
    onStatus: () => host.announce(),
  });
  const dryRuns = new DryRunPool();
  closers.add('dry runs', () => dryRuns.close());
  const policies = new PolicyRegistry(ledger, postures, dryRuns, new HookCoverage(kernel.missingHooks), files);
  const visibility = new VisibilityRegistry(ledger);
  const onPods = () => sources.refineAgain();
  const onOverride: ClusterParts['onOverride'] = (pod, message) =>
    flow.events.add([noteOf(POLICY_OVERRIDE, message, { ...pod, id: '' }, now())]);
  const expiry: Expiry = new Expiry(policies, logger);
  const now = () => process.hrtime.bigint() + clockOffset();
  const identity = hostIdentity(found.root);
  const memory = new AccessMemory();
  const settleEvents = async () => flow.reader.settle(flow.ring);
  const recordings: Recordings = new Recordings(ledger, kernel.accesses, store, settleEvents, logger);
  const telemetry = openTelemetry({ config, kernel, ledger, enforcement, recordings, host: identity, now });
  const plane: ControlPlane = {
    policies,
    containers,
    tracker,
    host,
    unprotected,
    intake,
    profiles: new ProfileRegistry(ledger, recordings),
    visibility,
    telemetry,
    judge: async (change) => diffPolicies(change, enforcement.rules, memory, recordings),
  };
  const flow: EventFlow = await openEventFlow({
    config,
    kernel,
    ledger,
    enforcement,
    recordings,
    telemetry,
    memory,
    host: identity,
    logger,
    now,
    observe: (published) => metrics.observeEvents(published, now()),
    closers,
  });
  closers.add('telemetry', () => telemetry.stop());
  const { ring, journal, hub, reader, throttle, details } = flow;
  const rotation = { bytes: config.exportFileBytes, files: config.exportFiles };
  const exporters = startExports(config.export, hub, rotation, config.stateDir, logger);
  closers.add('exports', () => Promise.all(exporters.map((exporter) => exporter.stop())));
  const metrics = new Metrics({
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
    undecodableRecords: () => reader.undecodable,
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
    closedConnections: () => metricsServer?.closedConnections ?? 0,
    ...(journal !== undefined && { unjournaledEvents: () => journal.counts().lost }),
    eventsWithoutDetails: () => details.omitted,
    exports: () => exporters.map((each) => ({ name: each.name, isWorking: each.counts().isWorking })),
    runningProfiles: () => plane.profiles.list().filter(({ stopped }) => stopped === undefined).length,
  });
  if (config.metrics !== 'off') {
    const onStatus = () => host.announce();
    metricsServer = new MetricsServer({ address: config.metrics, registry: metrics.registry, logger, onStatus });
  }
  kernel.limitEvents({ perSecond: config.eventsPerSecond, burst: config.eventBurst });
  // They may still read from the ring, and are written once nothing changes any more.
  closers.add('recordings', () => recordings.write());
  closers.add('changes', () => ledger.stop());
  closers.add('container watches', () => tracker.stop());
  closers.add('expiry', () => expiry.stop());
  const stopping = new AbortController();
  let replaced = Promise.resolve();
  closers.add('removal of earlier programs', () => {
    stopping.abort();
    return replaced;
  });
  const resume = async () => {
    await recordings.resume(stored);
    tracker.resume();
    replaced = kernel
      .removeReplaced(stopping.signal)
      .catch((err: unknown) => logger.warn({ err }, 'cannot remove the programs of an earlier build'));
  };
  const start: StoredStart = new StoredStart(stored, store, kernel, ledger, resume, logger);
  await start.start();
  if (access !== undefined)
    cluster = await followCluster(access, { policies, visibility, pods, host, logger, onPods, onOverride });
  closers.add('cluster', () => cluster?.stop());
  closers.add('integrity watch', () => integrity.stop());
  integrity.start();
  closers.add('search of holders', () => holders.stop());
  holders.start();
  ring.start(() => reader.read(ring));
  return { enforcement, plane, metricsServer, metrics, hub, sources, cluster };
}
