import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EventHub } from '../../../../src/events/hub.js';
import type { KubearmorListener } from '../../../../src/rpc/kubearmor/listen.js';
import { startKubearmorServers } from '../../../../src/rpc/kubearmor/servers.js';
import type { ServerOptions } from '../../../../src/rpc/server.js';
import { InMemoryControlPlane } from '../../../support/in-memory-control-plane.js';
import { KubearmorClient } from '../../../support/kubearmor-client.js';
import { LogRecorder, temporaryDirectory } from '../support.js';

const DESCRIPTORS = readFileSync(new URL('../../../../kubearmor.binpb', import.meta.url));

/** The services for KubeArmor's clients over an in-memory control plane; by default on a Unix socket. */
export async function serveKubearmor(
  t: TestContext,
  listeners: readonly KubearmorListener[] = [{ listen: `unix:${join(temporaryDirectory(t), 'k.sock')}` }],
  { queueCapacity, ...options }: Pick<ServerOptions, 'roles' | 'limits'> & { queueCapacity?: number } = {},
) {
  const plane = new InMemoryControlPlane();
  const hub = new EventHub();
  const logger = new LogRecorder();
  const sources = {
    ...{
      plane,
      hub,
      logger,
      descriptorSet: DESCRIPTORS,
      eventsPerSecond: 1000,
      throttle: { perSecond: 0, silence: 30 },
    },
    ...(queueCapacity !== undefined && { queueCapacity }),
  };
  const servers = await startKubearmorServers(listeners, sources, options);
  t.after(() => servers.shutdown(0));
  const connect = (address = servers.addresses[0]!, ...rest: unknown[]) => {
    const client = new KubearmorClient(address, ...(rest as []));
    t.after(() => client.close());
    return client;
  };
  return { plane, hub, logger, servers, connect, client: connect() };
}
