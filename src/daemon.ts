import { existsSync, readFileSync } from 'node:fs';
import { pino } from 'pino';
import { assemble } from './assembly.js';
import { builtFile } from './built-files.js';
import { accessOf } from './config/access.js';
import type { Config } from './config/config.js';
import { hostNamespaces } from './containers/procfs.js';
import { warmUp } from './control/warm-up.js';
import { OBJECT_PATH, requireSupport } from './host-check.js';
import { Kernel } from './kernel/kernel.js';
import { serveKubearmor } from './kubearmor.js';
import { accessToCluster } from './kubernetes/follow-cluster.js';
import { inheritedSocket } from './rpc/inherited-socket.js';
import { startServer, tryToListen } from './rpc/server.js';
import { createServices } from './rpc/services.js';
import { ServiceManager } from './service-manager.js';
import { sendUnixDatagram } from './sockets/unix-datagram.js';
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
  parts.telemetry.stop();
  parts.expiry.stop();
  await Promise.all([server, kubearmor].map((each) => each?.shutdown(SHUTDOWN_GRACE_MILLISECONDS)));
  await plane.policies.dryRuns.close();
  services.close();
  metricsServer?.stop();
  await Promise.all(parts.exporters.map((exporter) => exporter.stop()));
  await parts.ledger.stop();
  await parts.holders.stop();
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
