import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { type Logger, pino } from 'pino';
import { builtFile } from './built-files.js';
import type { Config } from './config/config.js';
import type { NamespacePair } from './containers/container.js';
import { hostNamespaces, hostRoot, linkedDirectories, ownNamespaces } from './containers/procfs.js';
import { ContainerKeeper, stillRunning } from './control/container-keeper.js';
import { ContainerRegistry } from './control/container-registry.js';
import type { ControlPlane } from './control/control-plane.js';
import type { DesiredState } from './control/desired-state.js';
import { DryRunPool } from './control/dry-run-pool.js';
import { Enforcement } from './control/enforcement.js';
import { Expiry } from './control/expiry.js';
import { HookCoverage } from './control/hook-coverage.js';
import { hostAsSubject } from './control/host.js';
import { HostState } from './control/host-state.js';
import { IntakeCounts } from './control/intake-counts.js';
import { IntegrityWatch } from './control/integrity-watch.js';
import { Ledger } from './control/ledger.js';
import { diffPolicies } from './control/policy-diff.js';
import { PolicyRegistry } from './control/policy-registry.js';
import { ProfileRegistry } from './control/profile-registry.js';
import { UnprotectedContainers } from './control/protection.js';
import { Recordings } from './control/recordings.js';
import { inTurns } from './control/turns.js';
import { EventHub } from './events/hub.js';
import { observedAccess } from './events/observed.js';
import { clockOffset, EventReader } from './events/reader.js';
import { type EventRecord, FLAGS } from './events/record.js';
import { SuppressionWatch } from './events/suppression.js';
import { Failure } from './failure.js';
import { Kernel } from './kernel/kernel.js';
import { describeMissing, explainMissing } from './kernel/missing-hooks.js';
import type { RingBuffer } from './kernel/ring-buffer.js';
import { missingSupport } from './kernel/support.js';
import { describeUntested, isTested } from './kernel/tested.js';
import { Metrics } from './metrics/metrics.js';
import { startMetricsServer } from './metrics/server.js';
import { readLabels } from './policy/labels.js';
import { policyKey } from './policy/model.js';
import { PolicySet } from './policy/policy-set.js';
import { compileSchemas } from './policy/schema-check.js';
import { AccessMemory } from './profile/access-memory.js';
import { type ServerOptions, startServer } from './rpc/server.js';
import { createServices } from './rpc/services.js';
import { Sources } from './sources/sources.js';
import { Store, type StoredState } from './store/store.js';

const OBJECT_PATH = builtFile('bpf/hauberk.bpf.o');
const DESCRIPTORS_PATH = builtFile('descriptors.binpb');
/** How long calls under way may take once the daemon is told to stop. */
const SHUTDOWN_GRACE_MILLISECONDS = 3000;

/** @throws Failure failed-precondition with everything that is missing */
export function requireSupport(pinDirectory: string): void {
  const missing = missingSupport(pinDirectory);
  if (missing.length > 0)
    throw new Failure('failed-precondition', `this host cannot enforce:\n- ${missing.join('\n- ')}`);
}

/**
 * Attaches the programs to a place of their own and takes them away again: what the kernel refuses shows only then.
 *
 * @returns what is to be told: each hook that is missing, and whether such a kernel was tested
 */
export function check({ bpffsDir, requireHooks }: Pick<Config, 'bpffsDir' | 'requireHooks'>): string {
  requireSupport(bpffsDir);
  const kernel = new Kernel(OBJECT_PATH, `${bpffsDir}-check`, ownNamespaces(), { requireHooks });
  kernel.detach();
  const remarks = [
    ...kernel.missingHooks.map((each) => `but ${explainMissing(each)}`),
    ...(isTested(release()) ? [] : [describeUntested(release())]),
  ];
  return ['this kernel can enforce', ...remarks.map((each) => `- ${each.replaceAll('\n', '\n    ')}`), ''].join('\n');
}

/** Runs the daemon until SIGTERM or SIGINT. */
export async function runDaemon(config: Config): Promise<void> {
  requireSupport(config.bpffsDir);
  const logger = pino({ level: config.logLevel, name: 'hauberkd' });
  const store = await Store.open(config.stateDir);
  const kernel = new Kernel(OBJECT_PATH, config.bpffsDir, hostNamespaces(), config);
  const { enforcement, ledger, plane, suppressed, metrics, hub, expiry, recordings, sources, integrity } =
    await assemble(config, logger, store, kernel);
  kernel.removeReplaced();
  await sources.start();
  const metricsServer =
    config.metrics === 'off' ? undefined : await startMetricsServer(config.metrics, metrics.registry);
  const services = createServices({ plane, hub, descriptorSet: readFileSync(DESCRIPTORS_PATH) });
  const server = await startServer({
    ...accessOf(config),
    services: services.services,
    logger,
    // Written whatever else is not.
    auditLogger: logger.child({}, { level: 'info' }),
    observer: metrics.rpc,
  });
  const { policies, containers } = plane.host.status();
  logger.info({ listen: server.address, adopted: kernel.adopted, policies, containers }, 'enforcing');

  void prepare();

  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => resolve(name));
  });
  logger.info({ signal, detach: config.detachOnExit }, 'stopping');
  integrity.stop();
  await sources.stop();
  plane.keeper.stop();
  suppressed.stop();
  expiry.stop();
  await server.shutdown(SHUTDOWN_GRACE_MILLISECONDS);
  await plane.policies.dryRuns.close();
  services.close();
  metricsServer?.close();
  metricsServer?.closeAllConnections();
  await ledger.stop();
  await recordings.write();
  if (config.detachOnExit) kernel.detach();
  else kernel.close();
  await store.close();
  logger.info(
    { enforcement: config.detachOnExit ? 'detached' : 'stays in force', images: enforcement.imageCount },
    'stopped',
  );
}

/** Does what the first policy would have to wait for; nothing else waits for this. */
async function prepare(): Promise<void> {
  for await (const _ of inTurns(compileSchemas()));
}

/** Who may talk to the daemon, and how much. */
function accessOf(config: Config): Pick<ServerOptions, 'listen' | 'tls' | 'insecureTcp' | 'roles' | 'limits'> {
  const { tlsCertificate, tlsKey, tlsClientCa } = config;
  return {
    listen: config.listen,
    roles: config.roles,
    ...(tlsCertificate !== undefined && {
      tls: { certificate: tlsCertificate, key: tlsKey!, clientCa: tlsClientCa! },
    }),
    ...(config.insecureTcp && { insecureTcp: { role: config.insecureTcpRole } }),
    limits: {
      messageBytes: config.maxMessageBytes,
      callsPerConnection: config.maxCallsPerConnection,
      streamsPerClient: config.maxStreamsPerClient,
      requestsPerSecond: config.requestsPerSecond,
      connections: config.maxConnections,
      keepaliveSeconds: config.keepalive,
      callTimeoutSeconds: config.callTimeout,
      unreadBytes: config.maxUnreadBytes,
      readTimeoutSeconds: config.readTimeout,
    },
  };
}

/** Loads what was kept, brings the kernel into agreement with it and starts reading events. */
async function assemble(config: Config, logger: Logger, store: Store, kernel: Kernel) {
  const stored = await store.load();
  await settleDamaged(stored, store, config, logger);
  const earlier = new Map(stored.imageRecords.map(({ imageId, rules }) => [imageId, rules]));
  const postures = {
    process: config.defaultPostureProcess,
    file: config.defaultPostureFile,
    network: config.defaultPostureNetwork,
    capabilities: config.defaultPostureCapabilities,
  };
  const subject = config.rescue
    ? undefined
    : hostAsSubject(hostNamespaces(), readLabels(config.hostLabels), linkedDirectories(1));
  const enforcement = new Enforcement(kernel, postures, earlier, stored.lastImage, subject);
  const desired = desiredState(stored);
  const ledger: Ledger = new Ledger(
    enforcement,
    store,
    { desired, revision: stored.revision },
    (seconds) => metrics.observeApply(seconds),
    () => {
      host.announce();
      expiry.schedule();
      recordings.changed();
    },
  );
  const unprotected = new UnprotectedContainers(() => host.announce());
  for (const missing of kernel.missingHooks) logger.warn(explainMissing(missing));
  if (!isTested(release())) logger.info(describeUntested(release()));
  const host: HostState = new HostState(kernel, enforcement, ledger, {
    kernelProblem: () => integrity.problem,
    sources: () => sources.statuses(),
    warnings: () => [...kernel.missingHooks.map(describeMissing), ...sources.warnings()],
    unprotected: () => unprotected.list(),
  });
  const integrity: IntegrityWatch = new IntegrityWatch(kernel, enforcement, ledger, logger, () => host.announce());
  const containers = new ContainerRegistry(ledger);
  const keeper = new ContainerKeeper(containers, logger, hostNamespaces().mountNamespace);
  const intake = new IntakeCounts();
  const sources: Sources = new Sources({
    config,
    keeper,
    registry: containers,
    unprotected,
    counts: intake,
    logger,
    hostRoot: hostRoot(),
    socketRoots: [...new Set(['', hostRoot()])],
    onStatus: () => host.announce(),
  });
  const dryRuns = new DryRunPool();
  const policies = new PolicyRegistry(ledger, postures, dryRuns, new HookCoverage(kernel.missingHooks));
  const expiry: Expiry = new Expiry(policies, logger);
  const memory = new AccessMemory();
  let ring: RingBuffer | undefined;
  const settleEvents = async () => ring && reader.settle(ring);
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
  const hub = new EventHub();
  const containerOf = (namespaces: NamespacePair) => ledger.containerAt(namespaces);
  const now = () => process.hrtime.bigint() + clockOffset();
  const suppressed = new SuppressionWatch(
    kernel.allSuppressed(),
    (namespaces) => kernel.suppressed(namespaces),
    containerOf,
    (summaries) => hub.publish(summaries),
    now,
  );
  const remember = (record: EventRecord) => {
    if (record.flags & FLAGS.observed) recordings.observe(record);
    else if (record.pathResult === 'resolved') memory.add(containerOf(record)?.id ?? '', observedAccess(record));
  };
  const reader: EventReader = new EventReader(
    { containerOf, ruleOf: (imageId, rule) => enforcement.ruleOf(imageId, rule) },
    (events) => {
      hub.publish(events);
      metrics.observeEvents(events, now());
    },
    (namespaces) => suppressed.tokensRanOut(namespaces),
    remember,
  );
  const metrics = new Metrics({
    status: () => host.status(),
    intake,
    repairs: integrity.counts,
    protectedContainers: () => containers.countByProtection(),
    kernelCounters: () => kernel.counters(),
    recursionMisses: () => kernel.recursionMisses(),
    ringWakeUps: () => kernel.ringWakeUps,
    eventCounts: () => hub.counts(),
    undecodableRecords: () => reader.undecodable,
    forgottenAccesses: () => memory.forgotten,
    lostAccesses: () => recordings.lost,
    policies: () => policies.list(),
    runningProfiles: () => plane.profiles.list().filter(({ stopped }) => stopped === undefined).length,
  });
  kernel.limitEvents({ perSecond: config.eventsPerSecond, burst: config.eventBurst });
  const gone = stored.containers.filter(({ id }) => !desired.containers.has(id)).map(({ id }) => id);
  await ledger.start(gone);
  await recordings.resume(stored);
  keeper.resume();
  integrity.start();
  ring = kernel.readEvents((waiting) => reader.read(waiting));
  return { enforcement, ledger, plane, suppressed, metrics, hub, expiry, recordings, sources, integrity };
}

/** A policy that cannot be read must not silently stop being enforced: what the kernel holds stays as it is. */
async function settleDamaged(
  { damaged }: StoredState,
  store: Store,
  { discardDamaged, stateDir }: Config,
  logger: Logger,
): Promise<void> {
  if (damaged.length === 0) return;
  if (!discardDamaged) {
    throw new Failure(
      'failed-precondition',
      `records in ${stateDir} are damaged: ${damaged.join(', ')}; ` +
        'restore them from a copy, or start once with --discard-damaged and apply the policies again',
    );
  }
  for (const key of damaged) logger.error({ key }, 'a stored record was damaged and is deleted');
  await store.discard(damaged);
}

function desiredState(stored: StoredState): DesiredState {
  return {
    policies: PolicySet.empty.with(stored.policies.map(({ policy }) => policy)),
    versions: new Map(stored.policies.map(({ policy, version }) => [policyKey(policy), version])),
    containers: new Map(stillRunning(stored.containers).map((container) => [container.id, container])),
    postures: new Map(stored.postures.map(({ namespace, postures }) => [namespace, postures])),
    profiles: new Map(stored.profiles.map((profile) => [profile.name, profile])),
  };
}
