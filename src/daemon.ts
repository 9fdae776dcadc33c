import { readFileSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { Config } from './config.js';
import { watchDocker } from './containers/docker.js';
import { hostMountNamespace, ownMountNamespace } from './containers/procfs.js';
import { ContainerKeeper, stillRunning } from './control/container-keeper.js';
import type { ControlPlane } from './control/control-plane.js';
import { Controller } from './control/controller.js';
import { Enforcement } from './control/enforcement.js';
import { HostState } from './control/host-state.js';
import { EventHub } from './events/hub.js';
import { clockOffset, EventReader } from './events/reader.js';
import { Failure } from './failure.js';
import { Kernel } from './kernel/kernel.js';
import { missingSupport } from './kernel/support.js';
import { Metrics } from './metrics/metrics.js';
import { startMetricsServer } from './metrics/server.js';
import { PolicySet } from './policy/policy-set.js';
import { type ServerOptions, startServer } from './rpc/server.js';
import { createServices } from './rpc/services.js';
import { Store } from './store/store.js';

const BUILD = new URL('..', import.meta.url);
const OBJECT_PATH = new URL('bpf/hauberk.bpf.o', BUILD).pathname;
const DESCRIPTORS_PATH = new URL('descriptors.binpb', BUILD).pathname;
/** How long calls under way may take once the daemon is told to stop. */
const SHUTDOWN_GRACE_MILLISECONDS = 3000;

/** @throws Failure failed-precondition with everything that is missing */
export function requireSupport(pinDirectory: string): void {
  const missing = missingSupport(pinDirectory);
  if (missing.length > 0)
    throw new Failure('failed-precondition', `this host cannot enforce:\n- ${missing.join('\n- ')}`);
}

/** Attaches the programs to a place of their own and takes them away again: what the kernel refuses shows only then. */
export function tryEnforcement(pinDirectory: string): void {
  requireSupport(pinDirectory);
  new Kernel(OBJECT_PATH, `${pinDirectory}-check`, ownMountNamespace()).detach();
}

/** Runs the daemon until SIGTERM or SIGINT. */
export async function runDaemon(config: Config): Promise<void> {
  requireSupport(config.bpffsDir);
  const logger = pino({ level: config.logLevel, name: 'hauberkd' });
  const store = await Store.open(config.stateDir);
  const kernel = new Kernel(OBJECT_PATH, config.bpffsDir, hostMountNamespace());
  const { enforcement, controller, state, keeper, metrics, hub } = await assemble(config, logger, store, kernel);
  const docker = startDocker(config, logger, keeper, controller, state);
  const plane = controlPlane(controller, keeper, state);
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
  const { policies, containers } = state.status();
  logger.info({ listen: server.address, adopted: kernel.adopted, policies, containers }, 'enforcing');

  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => resolve(name));
  });
  logger.info({ signal, detach: config.detachOnExit }, 'stopping');
  docker?.stop();
  keeper.stop();
  await server.shutdown(SHUTDOWN_GRACE_MILLISECONDS);
  services.close();
  metricsServer?.close();
  metricsServer?.closeAllConnections();
  await controller.stop();
  if (config.detachOnExit) kernel.detach();
  else kernel.close();
  await store.close();
  logger.info(
    { enforcement: config.detachOnExit ? 'detached' : 'stays in force', images: enforcement.imageCount },
    'stopped',
  );
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
    },
  };
}

/** Loads what was kept, brings the kernel into agreement with it and starts reading events. */
async function assemble(config: Config, logger: Logger, store: Store, kernel: Kernel) {
  const stored = await store.load();
  for (const key of stored.damaged) logger.error({ key }, 'a stored record is damaged and was left out');
  const earlier = new Map(stored.imageRecords.map(({ generation, rules }) => [generation, rules]));
  const postures = { process: config.defaultPostureProcess, file: config.defaultPostureFile };
  const enforcement = new Enforcement(kernel, postures, earlier, stored.generation);
  const running = stillRunning(stored.containers);
  const desired = {
    policies: PolicySet.empty.with(stored.policies),
    containers: new Map(running.map((container) => [container.id, container])),
  };
  const state = new HostState(kernel, enforcement, () => controller);
  const controller: Controller = new Controller(
    enforcement,
    store,
    desired,
    (seconds) => metrics.observeApply(seconds),
    () => state.announce(),
  );
  const keeper = new ContainerKeeper(controller, logger);
  const hub = new EventHub();
  const reader = new EventReader(
    {
      containerOf: (record) => controller.containerAt(record),
      ruleOf: (generation, rule) => enforcement.ruleOf(generation, rule),
    },
    (events) => {
      hub.publish(events);
      metrics.observeEvents(events, process.hrtime.bigint() + clockOffset());
    },
  );
  const metrics = new Metrics({
    status: () => state.status(),
    kernelCounters: () => kernel.counters(),
    recursionMisses: () => kernel.recursionMisses(),
    ringWakeUps: () => kernel.ringWakeUps,
    eventCounts: () => hub.counts(),
    undecodableRecords: () => reader.undecodable,
  });
  const gone = stored.containers.filter(({ id }) => !desired.containers.has(id)).map(({ id }) => id);
  await controller.start(gone);
  keeper.resume();
  kernel.readEvents((ring) => reader.read(ring));
  return { enforcement, controller, state, keeper, metrics, hub };
}

function startDocker(
  config: Config,
  logger: Logger,
  keeper: ContainerKeeper,
  controller: Controller,
  state: HostState,
): { stop(): void } | undefined {
  if (config.dockerSocket === 'off') return undefined;
  const forget = async (id: string) => {
    if (controller.container(id) !== undefined) await keeper.unregister(id);
  };
  return watchDocker({
    socketPath: config.dockerSocket,
    logger,
    onContainer: async (description, pid) => {
      await keeper.register(description, { pid });
    },
    onGone: forget,
    onRunning: async (ids) => {
      for (const { id, origin } of controller.containers()) if (origin === 'docker' && !ids.has(id)) await forget(id);
    },
    onConnection: (connected) => {
      state.dockerConnected = connected;
    },
  });
}

function controlPlane(controller: Controller, keeper: ContainerKeeper, state: HostState): ControlPlane {
  return {
    applyManifest: (text) => controller.applyManifest(text),
    applyDocument: (document) => controller.applyDocument(document),
    deletePolicy: (namespace, name) => controller.deletePolicy(namespace, name),
    policy: (namespace, name) => controller.policy(namespace, name),
    policies: () => controller.policies(),
    manifestOf: (policy) => controller.manifestOf(policy),
    containerIdsReachedBy: (policy) => controller.containerIdsReachedBy(policy),
    registerContainer: (description, identity) => keeper.register(description, identity),
    unregisterContainer: (id) => keeper.unregister(id),
    containers: () => controller.containers(),
    policyKeysOf: (container) => controller.policyKeysOf(container),
    generationOf: (container) => controller.generationOf(container),
    ruleSetOf: (id) => controller.ruleSetOf(id),
    status: () => state.status(),
    onStatusChange: (listener) => state.onStatusChange(listener),
  };
}
