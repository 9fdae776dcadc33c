import { existsSync } from 'node:fs';
import { pino } from 'pino';
import type { Config } from './config/config.js';
import { hostNamespaces, hostRoot, linkedDirectories } from './containers/procfs.js';
import { warmUp } from './control/warm-up.js';
import { OBJECT_PATH, requireSupport } from './host-check.js';
import { Kernel } from './kernel/kernel.js';
import { accessToCluster } from './kubernetes/follow-cluster.js';
import { inheritedSocket } from './rpc/inherited-socket.js';
import { ServiceManager } from './service-manager.js';
import { sendUnixDatagram } from './sockets/unix-datagram.js';
import { startDaemon } from './start-daemon.js';
import { witnessDirectoryOf } from './store/store.js';

/** Runs the daemon until SIGTERM or SIGINT. */
export async function runDaemon(config: Config): Promise<void> {
  // Fails before anything is changed in the kernel if the cluster could not be followed.
  const access = await accessToCluster(config);
  requireSupport(config.bpffsDir);
  const logger = pino({ level: config.logLevel, name: 'hauberkd' });
  const host = { namespaces: hostNamespaces(), root: hostRoot(), links: linkedDirectories(1) };
  const daemon = await startDaemon(config, {
    access,
    host,
    inheritedSocket: inheritedSocket(process.env),
    manager: new ServiceManager(process.env, sendUnixDatagram),
    logger,
    openKernel: () => {
      const kernel = new Kernel(OBJECT_PATH, config.bpffsDir, host.namespaces, config);
      const own = [config.bpffsDir, config.stateDir, witnessDirectoryOf(config.stateDir)];
      kernel.selfProtection.claim(
        own.filter((each) => existsSync(each)),
        logger,
      );
      return kernel;
    },
  });

  // In the background.
  warmUp().catch((err: unknown) => logger.warn({ err }, 'cannot warm up, so the first change will take longer'));

  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => resolve(name));
  });
  logger.info({ signal, detach: config.detachOnExit }, 'stopping');
  await daemon.stop();
  logger.info(
    { enforcement: config.detachOnExit ? 'detached' : 'stays in force', images: daemon.imageCount() },
    'stopped',
  );
}
