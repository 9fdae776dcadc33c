import { readFileSync } from 'node:fs';
import { builtFile } from './built-files.js';
import { type Config, kubearmorAccess } from './config/config.js';
import { kubearmorListeners } from './rpc/kubearmor/listen.js';
import type { KubearmorServers } from './rpc/kubearmor/servers.js';
import type { KubearmorSources } from './rpc/kubearmor/services.js';
import type { ServerOptions } from './rpc/server.js';

const DESCRIPTORS_PATH = builtFile('kubearmor.binpb');

/** Serves KubeArmor's clients where the flags say so, to the same roles and within the same limits as the others. */
export async function serveKubearmor(
  config: Config,
  sources: Pick<KubearmorSources, 'plane' | 'hub' | 'logger'>,
  { roles, limits, auditLogger, observer }: Pick<ServerOptions, 'roles' | 'limits' | 'auditLogger' | 'observer'>,
): Promise<KubearmorServers | undefined> {
  const listeners = kubearmorListeners(kubearmorAccess(config));
  if (listeners.length === 0) return undefined;
  // Few ask for it.
  const { startKubearmorServers } = await import('./rpc/kubearmor/servers.js');
  const { eventsPerSecond } = config;
  const servers = await startKubearmorServers(
    listeners,
    { ...sources, descriptorSet: readFileSync(DESCRIPTORS_PATH), eventsPerSecond },
    {
      ...(roles && { roles }),
      ...(limits && { limits }),
      ...(auditLogger && { auditLogger }),
      ...(observer && { observer }),
    },
  );
  sources.logger.info({ listen: servers.addresses }, "KubeArmor's clients are served");
  return servers;
}
