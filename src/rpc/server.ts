import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions, type Server as NetServer } from 'node:net';
import { Server } from '@grpc/grpc-js';
import { Failure } from '../failure.js';
import { placeSocket, tryPlace } from '../sockets/unix-socket.js';
import { AuditLog } from './access/audit.js';
import { Gate } from './access/gate.js';
import { DEFAULT_LIMITS, type Limits } from './access/limits.js';
import { NO_OBSERVER, type RpcObserver } from './access/observer.js';
import { assignsUnixUsers, NO_ASSIGNMENTS, type Role, type RoleAssignments } from './access/role.js';
import { admitUnknownMethods } from './access/unknown-methods.js';
import { type CertificateFiles, loadCertificates } from './connections/certificates.js';
import { Connections } from './connections/connections.js';
import { insecureListener, type Listener, tlsListener, unixListener } from './connections/listeners.js';
import type { RpcLogger, RpcService } from './handler.js';
import { type ListenAddress, parseListenAddress } from './listen-address.js';
import { OpenStreams } from './open-streams.js';

const KEEPALIVE_TIMEOUT_MILLISECONDS = 20_000;
const OWNER_ONLY = 0o600;
/** The kernel reports who connects, and only clients that were given a role have one. */
const EVERYBODY = 0o666;

export interface ServerOptions {
  /** `unix:PATH`, or `ADDRESS:PORT` with either of the next two. */
  readonly listen: string;
  readonly tls?: CertificateFiles;
  /** The descriptor of a Unix socket that listens already, at the path of `listen`. */
  readonly inheritedSocket?: number | undefined;
  /** Serves a loopback address without TLS, and every client of it in one role. */
  readonly insecureTcp?: { readonly role: Role };
  /** Nobody but root on a Unix socket when left out. */
  readonly roles?: RoleAssignments;
  readonly services: readonly RpcService[];
  readonly logger: RpcLogger;
  /** Where the audit log goes, if not to `logger`. */
  readonly auditLogger?: RpcLogger;
  /** DEFAULT_LIMITS where left out. */
  readonly limits?: Partial<Limits>;
  readonly observer?: RpcObserver;
}

export interface RunningServer {
  /** Where clients connect to, with the port that was chosen where 0 was given. */
  readonly address: string;
  /**
   * Ends open streams with UNAVAILABLE, waits for the calls under way as long as the grace lasts, then cuts what is
   * left. The socket is gone at once. Calling it again waits for the same end.
   */
  shutdown(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves the services; resolves when clients can connect.
 *
 * @throws Failure invalid-argument for a bad address, failed-precondition for one that is in use and for certificates
 *   that cannot be used
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { logger, tls, insecureTcp, roles = NO_ASSIGNMENTS, observer = NO_OBSERVER } = options;
  const address = parseListenAddress(options.listen, {
    hasTls: tls !== undefined,
    allowsInsecureTcp: insecureTcp !== undefined,
  });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const streams = new OpenStreams();
  const server = new Server({
    interceptors: [streams.interceptor],
    'grpc.max_receive_message_length': limits.messageBytes,
    'grpc.max_concurrent_streams': limits.callsPerConnection,
    'grpc.keepalive_time_ms': limits.keepaliveSeconds * 1000,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MILLISECONDS,
  });
  for (const service of options.services) service.addTo(server, logger);
  admitUnknownMethods(server);

  const audit = new AuditLog(options.auditLogger ?? logger);
  const gate = new Gate(limits, audit, observer);
  const connections = new Connections(server, gate, audit, observer, logger, limits.connections);
  const listener =
    tls !== undefined
      ? tlsListener(connections, tls, roles, logger, observer)
      : insecureTcp !== undefined
        ? insecureListener(connections, insecureTcp.role)
        : unixListener(connections, roles, logger);
  const socketMode = assignsUnixUsers(roles) ? EVERYBODY : OWNER_ONLY;
  const { listening, removeSocket } = await listen(address, listener, socketMode, options);

  let stopped: Promise<void> | undefined;
  return {
    address: listening,
    shutdown(graceMilliseconds) {
      stopped ??= (async () => {
        await removeSocket();
        const ended = connections.close();
        listener.stop();
        listener.server.close();
        streams.endAll();
        await stop(server, ended, graceMilliseconds, logger);
        audit.close();
      })();
      return stopped;
    },
  };
}

/**
 * Checks that clients could connect, without serving any: certificates can be used, and the address is free.
 *
 * @throws Failure as startServer does
 */
export async function tryToListen({
  listen: text,
  tls,
  insecureTcp,
  inheritedSocket,
}: Pick<ServerOptions, 'listen' | 'tls' | 'insecureTcp' | 'inheritedSocket'>): Promise<void> {
  const address = parseListenAddress(text, {
    hasTls: tls !== undefined,
    allowsInsecureTcp: insecureTcp !== undefined,
  });
  if (tls !== undefined) loadCertificates(tls);
  if (address.kind === 'unix' && inheritedSocket !== undefined) return;
  const server = createServer((socket) => socket.destroy());
  try {
    if (address.kind === 'unix') await tryPlace(address.path, (path) => bind(server, { path }));
    else await bind(server, { host: address.host, port: address.port });
  } catch (thrown) {
    throw listenFailure(text, thrown);
  } finally {
    server.close();
  }
}

function listenFailure(text: string, thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const reason = (thrown as Error).message;
  return new Failure('failed-precondition', `cannot listen on ${text}: ${reason}`, [], { cause: thrown });
}

async function listen(
  address: ListenAddress,
  { server, stop }: Listener,
  socketMode: number,
  { listen: text, inheritedSocket: fd }: ServerOptions,
) {
  try {
    if (address.kind === 'unix' && fd !== undefined) {
      await bind(server, { fd });
      // Whoever made it removes it.
      return { listening: `unix:${address.path}`, removeSocket: async () => undefined };
    }
    if (address.kind === 'unix') {
      const removeSocket = await placeSocket(address.path, socketMode, (path) => bind(server, { path }));
      return { listening: `unix:${address.path}`, removeSocket };
    }
    const { host, port } = address;
    await bind(server, { host, port });
    const { port: portInUse } = server.address() as AddressInfo;
    return {
      listening: `${host.includes(':') ? `[${host}]` : host}:${portInUse}`,
      removeSocket: async () => undefined,
    };
  } catch (thrown) {
    stop();
    server.close();
    throw listenFailure(text, thrown);
  }
}

async function bind(server: NetServer, place: ListenOptions | { readonly fd: number }): Promise<void> {
  server.listen(place);
  // Rejects with the error if there is one first.
  await once(server, 'listening');
}

function stop(server: Server, ended: Promise<void>, graceMilliseconds: number, logger: RpcLogger): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      logger.warn({ graceMilliseconds }, 'calls were still under way and have been cut off');
      server.forceShutdown();
      resolve();
    }, graceMilliseconds);
    server.tryShutdown(async () => {
      // Since Node.js 24 sessions are closed with their server, and grpc-js 1.14 takes a closed one, whose calls may still
      // be under way, for an ended one.
      await ended;
      clearTimeout(timer);
      resolve();
    });
  });
}
