import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { builtFile } from './built-files.js';
import { alertLimitOf, type Config, kubearmorAccess } from './config/config.js';
import type { RpcObserver } from './rpc/access/observer.js';
import { kubearmorListeners } from './rpc/kubearmor/listen.js';
import type { KubearmorServers } from './rpc/kubearmor/servers.js';
import type { KubearmorSources } from './rpc/kubearmor/services.js';
import type { ServerOptions } from './rpc/server.js';

const DESCRIPTORS_PATH = builtFile('kubearmor.binpb');

/** Serves KubeArmor's clients where the flags say so, to the same roles and within the same limits as the others. */
export async function serveKubearmor(
  config: Config,
  sources: Pick<KubearmorSources, 'plane' | 'hub'> & { readonly logger: Logger },
  { roles, limits }: Pick<ServerOptions, 'roles' | 'limits'>,
  observer: RpcObserver,
): Promise<KubearmorServers | undefined> {
  const listeners = kubearmorListeners(kubearmorAccess(config));
  if (listeners.length === 0) return undefined;
  // Imported only when needed.
  const { startKubearmorServers } = await import('./rpc/kubearmor/servers.js');
  const { logger } = sources;
  const { eventsPerSecond } = config;
  const throttle = alertLimitOf(config);
  const servers = await startKubearmorServers(
    listeners,
    { ...sources, descriptorSet: readFileSync(DESCRIPTORS_PATH), eventsPerSecond, throttle },
    {
      ...(roles && { roles }),
      ...(limits && { limits }),
      // Written at any log level.
      auditLogger: logger.child({}, { level: 'info' }),
      observer,
    },
  );
  logger.info({ listen: servers.addresses }, "KubeArmor's clients are served");
  return servers;
}
