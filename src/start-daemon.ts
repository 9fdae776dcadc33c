import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { assemble } from './assembly.js';
import { builtFile } from './built-files.js';
import { Closers } from './closers.js';
import { accessOf } from './config/access.js';
import { type Config, kubearmorAccess } from './config/config.js';
import type { HostFacts } from './control/host.js';
import type { Enforcer } from './kernel/enforcer.js';
import { serveKubearmor } from './kubearmor.js';
import type { ClusterAccess } from './kubernetes/follow-cluster.js';
import { kubearmorListeners } from './rpc/kubearmor/listen.js';
import { startServer, tryToListen } from './rpc/server.js';
import { createServices } from './rpc/services.js';
import type { ServiceManager } from './service-manager.js';
import { Store } from './store/store.js';

const DESCRIPTORS_PATH = builtFile('descriptors.binpb');
/** How long calls under way may take once the daemon is told to stop. */
const SHUTDOWN_GRACE_MILLISECONDS = 3000;

/** The environment that the daemon runs in. */
export interface Surroundings {
  readonly access: ClusterAccess | undefined;
  readonly host: HostFacts;
  /** The descriptor of a Unix socket that listens already. */
  readonly inheritedSocket: number | undefined;
  readonly manager: ServiceManager;
  readonly logger: Logger;
  /** Called once the stored state is open: without a usable state directory nothing is enforced. */
  readonly openKernel: () => Enforcer;
}

export interface RunningDaemon {
  /** Where clients connect to. */
  readonly address: string;
  /** Images that decide for containers now. */
  readonly imageCount: () => number;
  /** Closes everything, what was opened last first; detaches the programs if the configuration says so. */
  stop(): Promise<void>;
}

/**
 * Starts everything; resolves when clients are served.
 *
 * @throws what keeps a part from starting, once all that was started before it is closed again; what is in force in the
 *   kernel stays so
 */
export async function startDaemon(config: Config, surroundings: Surroundings): Promise<RunningDaemon> {
  const { access, host, inheritedSocket, manager, logger, openKernel } = surroundings;
  const closers = new Closers(logger);
  let detaches = false;
  try {
    closers.add('service manager', () => manager.close());
    // Before anything is changed in the kernel.
    await tryAddresses(config, inheritedSocket);
    const store = await Store.open(config.stateDir);
    closers.add('store', () => store.close());
    const kernel = openKernel();
    closers.add('kernel', () => (detaches ? kernel.detach() : kernel.close()));
    const { plane, hub, metrics, metricsServer, sources, cluster, enforcement } = await assemble({
      config,
      access,
      host,
      logger,
      store,
      kernel,
      closers,
    });
    closers.add('sources', () => sources.stop());
    await sources.start();
    cluster?.start();
    closers.add('metrics', () => metricsServer?.stop());
    await metricsServer?.start();
    const services = createServices({ plane, hub, descriptorSet: readFileSync(DESCRIPTORS_PATH) });
    closers.add('services', () => services.close());
    const serving: { shutdown(graceMilliseconds: number): Promise<void> }[] = [];
    // In parallel, so that the clients of one do not wait for those of the other.
    closers.add('servers', () => Promise.all(serving.map((each) => each.shutdown(SHUTDOWN_GRACE_MILLISECONDS))));
    const server = await startServer({
      ...accessOf(config),
      inheritedSocket,
      services: services.services,
      logger,
      // Written at any log level.
      auditLogger: logger.child({}, { level: 'info' }),
      observer: metrics.rpc,
    });
    serving.push(server);
    const kubearmor = await serveKubearmor(config, { plane, hub, logger }, accessOf(config), metrics.rpc);
    if (kubearmor !== undefined) serving.push(kubearmor);
    const { policies, containers } = plane.host.status();
    logger.info(
      { listen: server.address, adopted: kernel.adopted, policies, containers },
      store.damage.length === 0 ? 'enforcing' : 'serving',
    );
    manager.ready();
    return {
      address: server.address,
      imageCount: () => enforcement.imageCount,
      stop: () => {
        manager.stopping();
        detaches = config.detachOnExit;
        return closers.close();
      },
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** @throws Failure if the API, or KubeArmor's where the flags ask for it, could not be served */
async function tryAddresses(config: Config, inheritedSocket: number | undefined): Promise<void> {
  await tryToListen({ ...accessOf(config), inheritedSocket });
  for (const listener of kubearmorListeners(kubearmorAccess(config))) await tryToListen(listener);
}
