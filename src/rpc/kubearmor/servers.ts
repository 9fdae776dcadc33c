import type { RunningServer, ServerOptions } from '../server.js';
import { startServer } from '../server.js';
import type { KubearmorListener } from './listen.js';
import { createKubearmorServices, type KubearmorSources } from './services.js';

/** The servers for KubeArmor's clients, one for each address, with the same services. */
export interface KubearmorServers {
  readonly addresses: readonly string[];
  /** See RunningServer.shutdown. */
  shutdown(graceMilliseconds: number): Promise<void>;
}

/** @throws Failure see startServer; then none of them is left */
export async function startKubearmorServers(
  listeners: readonly KubearmorListener[],
  sources: KubearmorSources,
  options: Omit<ServerOptions, keyof KubearmorListener | 'services' | 'logger'>,
): Promise<KubearmorServers> {
  const { services, close } = createKubearmorServices(sources);
  const servers: RunningServer[] = [];
  const shutdown = async (graceMilliseconds: number) => {
    await Promise.all(servers.map((server) => server.shutdown(graceMilliseconds)));
    close();
  };
  try {
    for (const listener of listeners) {
      servers.push(await startServer({ ...options, ...listener, services, logger: sources.logger }));
    }
  } catch (thrown) {
    await shutdown(0);
    throw thrown;
  }
  return { addresses: servers.map(({ address }) => address), shutdown };
}
