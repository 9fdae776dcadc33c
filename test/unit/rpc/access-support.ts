import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ChannelCredentials, type Client, credentials } from '@grpc/grpc-js';
import { EventHub } from '../../../src/events/hub.js';
import type { RefusalReason, RpcObserver } from '../../../src/rpc/access/observer.js';
import { type RunningServer, type ServerOptions, startServer } from '../../../src/rpc/server.js';
import { createServices } from '../../../src/rpc/services.js';
import { CertificateAuthority, type IssuedFiles } from '../../support/certificates.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { DESCRIPTORS, LogRecorder, temporaryDirectory } from './support.js';

/** Keeps all counts. */
export class CountRecorder implements RpcObserver {
  readonly requests: string[] = [];
  readonly refusals: RefusalReason[] = [];
  readonly reloads: string[] = [];

  requestEnded(method: string, code: string): void {
    this.requests.push(`${method} ${code}`);
  }

  refused(reason: RefusalReason): void {
    this.refusals.push(reason);
  }

  certificatesInUse(): void {}

  certificatesReloaded(result: string): void {
    this.reloads.push(result);
  }
}

/** All services of the daemon with access control; stopped after the test. */
export async function serveGuarded(t: TestContext, options: Partial<ServerOptions> = {}) {
  const plane = new InMemoryControlPlane();
  const hub = new EventHub();
  const { services, close } = createServices({ plane, hub, descriptorSet: DESCRIPTORS });
  t.after(close);
  const logger = new LogRecorder();
  const counts = new CountRecorder();
  const listen = `unix:${join(temporaryDirectory(t), 'test.sock')}`;
  const server = await startServer({ listen, services, logger, observer: counts, ...options });
  t.after(() => server.shutdown(0));
  return { server, plane, hub, logger, counts };
}

/** A server with TLS, and an authority for its own certificate and those of clients. */
export async function serveTls(t: TestContext, options: Partial<ServerOptions> = {}) {
  const directory = temporaryDirectory(t);
  const authority = new CertificateAuthority(directory);
  const own = authority.issue('server', '/CN=server', ['DNS:localhost']);
  const tls = { ...own, clientCa: authority.certificate };
  const guarded = await serveGuarded(t, { listen: '127.0.0.1:0', tls, ...options });
  return { ...guarded, directory, authority, tls };
}

export function clientCredentials(serverAuthority: Buffer, client?: IssuedFiles): ChannelCredentials {
  if (client === undefined) return credentials.createSsl(serverAuthority);
  return credentials.createSsl(serverAuthority, readFileSync(client.key), readFileSync(client.certificate));
}

type ClientClass<C extends Client> = new (address: string, channel: ChannelCredentials, options: object) => C;

/** A client with a connection of its own, which is closed after the test. */
export function connectWith<C extends Client>(
  t: TestContext,
  clientClass: ClientClass<C>,
  { address }: RunningServer,
  channel = credentials.createInsecure(),
): C {
  const client = new clientClass(address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'localhost',
  });
  t.after(() => client.close());
  return client;
}

const PATIENCE_MILLISECONDS = 10_000;

/** Waits for something another party is about to do. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`it has not happened: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
