import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { type Logger, pino } from 'pino';
import { builtFile } from './built-files.js';
import { accessOf } from './config/access.js';
import { alertLimitOf, type Config } from './config/config.js';
import { posturesOf, resolutionOf } from './config/resolution.js';
import type { NamespacePair } from './containers/container.js';
import { hostNamespaces, hostRoot, linkedDirectories } from './containers/procfs.js';
import { ContainerKeeper } from './control/container-keeper.js';
import { ContainerRegistry } from './control/container-registry.js';
import type { ControlPlane } from './control/control-plane.js';
import { DryRunPool } from './control/dry-run-pool.js';
import { Enforcement } from './control/enforcement.js';
import { Expiry } from './control/expiry.js';
import { HookCoverage } from './control/hook-coverage.js';
import { hostAsSubject, hostIdentity } from './control/host.js';
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
import { warmUp } from './control/warm-up.js';
import { AlertThrottle } from './events/alert-throttle.js';
import { DetailsLookup } from './events/details.js';
import { EventHub, HISTORY_CAPACITY } from './events/hub.js';
import { noteOf, POLICY_OVERRIDE } from './events/note.js';
import { observedAccess } from './events/observed.js';
import { EventReader } from './events/reader.js';
import { type EventRecord, FLAGS } from './events/record.js';
import { SuppressionWatch } from './events/suppression.js';
import { startExports } from './export/exports.js';
import { OBJECT_PATH, requireSupport } from './host-check.js';
import { archiveOf } from './journal/archive.js';
import { EventLog } from './journal/event-log.js';
import { openJournal } from './journal/open-journal.js';
import { clockOffset } from './kernel/clock.js';
import { Kernel } from './kernel/kernel.js';
import { describeMissing, explainMissing } from './kernel/missing-hooks.js';
import { describeUntested, isTested } from './kernel/tested.js';
import { sendUnixDatagram } from './kernel/unix-datagram.js';
import { serveKubearmor } from './kubearmor.js';
import {
  accessToCluster,
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
import { newEncoder } from './rpc/event-message.js';
import { inheritedSocket } from './rpc/inherited-socket.js';
import { startServer, tryToListen } from './rpc/server.js';
import { createServices } from './rpc/services.js';
import { ServiceManager } from './service-manager.js';
import { Sources } from './sources/sources.js';
import { Store, witnessDirectoryOf } from './store/store.js';

const DESCRIPTORS_PATH = builtFile('descriptors.binpb');
/** How long calls under way may take once the daemon is told to stop. */
const SHUTDOWN_GRACE_MILLISECONDS = 3000;

/** Runs the daemon until SIGTERM or SIGINT. */
export async function runDaemon(config: Config): Promise<void> {
  // What cannot be followed or served is not enforced either: that shows before anything is changed in the kernel.
  const access = await accessToCluster(config);
  requireSupport(config.bpffsDir);
  const logger = pino({ level: config.logLevel, name: 'hauberkd' });
  const socket = inheritedSocket(process.env);
  if (socket === undefined) await tryToListen(accessOf(config));
  const store = await Store.open(config.stateDir);
  const kernel = new Kernel(OBJECT_PATH, config.bpffsDir, hostNamespaces(), config);
  const own = [config.bpffsDir, config.stateDir, witnessDirectoryOf(config.stateDir)].filter((each) =>
    existsSync(each),
  );
  kernel.selfProtection.claim(own, logger);
  const parts = await assemble(config, access, logger, store, kernel);
  const { plane, hub, metrics, metricsServer, sources } = parts;
  await sources.start();
  parts.cluster?.start();
  await metricsServer?.start();
  const services = createServices({ plane, hub, descriptorSet: readFileSync(DESCRIPTORS_PATH) });
  const server = await startServer({
    ...accessOf(config),
    inheritedSocket: socket,
    services: services.services,
    logger,
    // Written whatever else is not.
    auditLogger: logger.child({}, { level: 'info' }),
    observer: metrics.rpc,
  });
  const kubearmor = await serveKubearmor(config, { plane, hub, logger }, accessOf(config), metrics.rpc);
  const { policies, containers } = plane.host.status();
  logger.info(
    { listen: server.address, adopted: kernel.adopted, policies, containers },
    store.damage.length === 0 ? 'enforcing' : 'serving',
  );
  const manager = new ServiceManager(process.env, sendUnixDatagram);
  manager.ready();

  // Nothing waits for it.
  warmUp().catch((err: unknown) => logger.warn({ err }, 'cannot warm up, so the first change will take longer'));

  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => resolve(name));
  });
  logger.info({ signal, detach: config.detachOnExit }, 'stopping');
  manager.stopping();
  parts.integrity.stop();
  await sources.stop();
  await parts.cluster?.stop();
  plane.keeper.stop();
  parts.suppressed.stop();
  parts.expiry.stop();
  await Promise.all([server, kubearmor].map((each) => each?.shutdown(SHUTDOWN_GRACE_MILLISECONDS)));
  await plane.policies.dryRuns.close();
  services.close();
  metricsServer?.stop();
  await Promise.all(parts.exporters.map((exporter) => exporter.stop()));
  await parts.ledger.stop();
  // What cannot be written must not keep it from ending.
  await parts.recordings
    .write()
    .catch((err: unknown) => logger.warn({ err }, 'cannot write down what profiles have learnt'));
  await parts.stopRemoving();
  if (config.detachOnExit) kernel.detach();
  else kernel.close();
  await parts.journal?.close(() => parts.events.next);
  await store.close();
  manager.close();
  logger.info(
    { enforcement: config.detachOnExit ? 'detached' : 'stays in force', images: parts.enforcement.imageCount },
    'stopped',
  );
}

/** Loads what was kept, brings the kernel into agreement with it and starts reading events. */
async function assemble(
  config: Config,
  access: ClusterAccess | undefined,
  logger: Logger,
  store: Store,
  kernel: Kernel,
) {
  const root = hostRoot();
  const stored = await loadStored(store, kernel, config.discardDamaged, logger);
  const earlier = new Map(stored.imageRecords.map(({ imageId, rules }) => [imageId, rules]));
  const postures = posturesOf(config);
  const subject = config.rescue
    ? undefined
    : hostAsSubject(hostNamespaces(), readLabels(config.hostLabels), linkedDirectories(1));
  const enforcement = new Enforcement(kernel, postures, earlier, stored.lastImage, subject, resolutionOf(config));
  // What Kubernetes said last, until it says more.
  if (access !== undefined) enforcement.replaceHost(enforcement.hostLabelled(stored.hostLabels ?? {}));
  const desired = desiredBy(stored, kernel);
  const ledger: Ledger = new Ledger(
    enforcement,
    store,
    { desired, revision: stored.revision },
    (seconds) => metrics.observeApply(seconds),
    () => {
      host.announce();
      expiry.schedule();
      recordings.changed();
      start.changed().catch((err: unknown) => logger.error({ err }, 'cannot go on with what was restored'));
    },
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
  const keeper = new ContainerKeeper(containers, logger, hostNamespaces().mountNamespace, (path, process) =>
    kernel.layers.examine(path, process),
  );
  const intake = new IntakeCounts();
  const pods = new Pods((id) => containers.get(id), config.podOverrides);
  const sources: Sources = new Sources({
    config,
    // Where no cluster is followed any more, what was known of its pods does not hold for good.
    ...(access !== undefined && { refine: (description) => pods.describe(description) }),
    keeper,
    registry: containers,
    unprotected,
    counts: intake,
    logger,
    hostRoot: root,
    socketRoots: [...new Set(['', root])],
    onStatus: () => host.announce(),
  });
  const dryRuns = new DryRunPool();
  const policies = new PolicyRegistry(ledger, postures, dryRuns, new HookCoverage(kernel.missingHooks));
  const onPods = () => sources.refineAgain();
  const onOverride: ClusterParts['onOverride'] = (pod, message) =>
    events.add([noteOf(POLICY_OVERRIDE, message, { ...pod, id: '' }, now())]);
  if (access !== undefined) cluster = await followCluster(access, { policies, pods, host, logger, onPods, onOverride });
  const expiry: Expiry = new Expiry(policies, logger);
  const memory = new AccessMemory();
  const settleEvents = async () => reader.settle(ring);
  const recordings: Recordings = new Recordings(ledger, kernel.accesses, store, settleEvents, logger);
  const plane: ControlPlane = {
    policies,
    containers,
    keeper,
    host,
    unprotected,
    intake,
    profiles: new ProfileRegistry(ledger, recordings),
    judge: async (change) => diffPolicies(change, enforcement.rules, memory, recordings),
  };
  const ring = kernel.openRing();
  const journal = await openJournal(config, kernel.ringId, ring, logger);
  const hub = new EventHub(HISTORY_CAPACITY, journal && archiveOf(journal));
  const containerOf = (namespaces: NamespacePair) => ledger.containerAt(namespaces);
  const now = () => process.hrtime.bigint() + clockOffset();
  const suppressed = new SuppressionWatch(
    kernel.allSuppressed(),
    (namespaces) => kernel.suppressed(namespaces),
    containerOf,
    (summaries) => events.add(summaries),
    now,
  );
  const throttle = new AlertThrottle(
    alertLimitOf(config),
    (summaries) => events.add(summaries),
    now,
    (dropped) => metrics.observeEvents(dropped, now()),
  );
  const remember = (record: EventRecord) => {
    if (record.flags & FLAGS.observed) recordings.observe(record);
    else if (record.pathResult === 'resolved') memory.add(containerOf(record)?.id ?? '', observedAccess(record));
  };
  const details = new DetailsLookup(hostIdentity(root));
  const reader: EventReader = new EventReader(
    { containerOf, ruleOf: (imageId, rule) => enforcement.ruleOf(imageId, rule), details },
    (read) => events.take(throttle.take(read)),
    (namespaces) => suppressed.tokensRanOut(namespaces),
    remember,
  );
  const events = new EventLog({
    hub,
    ...(journal !== undefined && { journal }),
    encoder: newEncoder(),
    ring,
    ringId: kernel.ringId,
    dropped: () => kernel.droppedRecords(),
    now,
    onPublished: (published) => metrics.observeEvents(published, now()),
    onRoom: () => reader.read(ring),
  });
  const rotation = { bytes: config.exportFileBytes, files: config.exportFiles };
  const exporters = startExports(config.export, hub, rotation, config.stateDir, logger);
  const metrics = new Metrics({
    status: () => host.status(),
    intake,
    repairs: integrity.counts,
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
    policies: () => policies.list(),
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
  const stopping = new AbortController();
  let replaced = Promise.resolve();
  const resume = async () => {
    await recordings.resume(stored);
    keeper.resume();
    replaced = kernel
      .removeReplaced(stopping.signal)
      .catch((err: unknown) => logger.warn({ err }, 'cannot take away the programs of an earlier build'));
  };
  const start: StoredStart = new StoredStart(stored, store, kernel, ledger, resume, logger);
  await start.start();
  integrity.start();
  ring.start(() => reader.read(ring));
  return {
    journal,
    events,
    exporters,
    enforcement,
    ledger,
    plane,
    suppressed,
    metricsServer,
    metrics,
    hub,
    expiry,
    recordings,
    sources,
    cluster,
    integrity,
    stopRemoving: () => {
      stopping.abort();
      return replaced;
    },
  };
}
