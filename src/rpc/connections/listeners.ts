import { createServer, type Server as NetServer } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { namesOfUser, peerCredentialsOf } from '../../sockets/peer-credentials.js';
import { identityOf } from '../access/certificate-identity.js';
import type { RpcObserver } from '../access/observer.js';
import { type Role, type RoleAssignments, roleOf } from '../access/role.js';
import type { RpcLogger } from '../handler.js';
import { followCertificates } from './certificate-watch.js';
import { type CertificateFiles, type Certificates, endsOf, loadCertificates } from './certificates.js';
import type { Connections } from './connections.js';
import { addressOf, HANDSHAKES_MAX, Handshakes } from './handshakes.js';

const HANDSHAKE_MILLISECONDS = 5000;

/** Accepts clients; not listening yet. */
export interface Listener {
  readonly server: NetServer;
  /** Stops what runs beside the server. */
  stop(): void;
}

/**
 * Identifies clients by the user that the kernel reports; root, and the user who runs this process, are administrators.
 */
export function unixListener(connections: Connections, roles: RoleAssignments, logger: RpcLogger): Listener {
  const server = createServer((socket) => {
    try {
      const credentials = peerCredentialsOf(socket);
      const { uid, pid } = credentials;
      const role = uid === 0 || uid === process.geteuid?.() ? 'admin' : roleOf(namesOfUser(credentials), roles);
      connections.admit(socket, { identity: `uid:${uid}`, role, address: `unix:pid=${pid}`, process: { pid, uid } });
    } catch (error) {
      logger.error({ err: error }, 'cannot determine who connected to the Unix socket');
      socket.destroy();
    }
  });
  connections.watch(server);
  return { server, stop: () => undefined };
}

/** Does not identify clients: all have the same role. */
export function insecureListener(connections: Connections, role: Role): Listener {
  const server = createServer({ noDelay: true }, (socket) => {
    connections.admit(socket, { identity: `tcp:${socket.remoteAddress}`, role, address: addressOf(socket) });
  });
  connections.watch(server);
  return { server, stop: () => undefined };
}

/**
 * Identifies clients by their certificates, over TLS 1.3 only.
 *
 * @throws Failure failed-precondition when the files cannot be used
 */
export function tlsListener(
  connections: Connections,
  files: CertificateFiles,
  roles: RoleAssignments,
  logger: RpcLogger,
  observer: Pick<RpcObserver, 'certificatesReloaded' | 'certificatesInUse'>,
): Listener {
  const certificates = loadCertificates(files);
  observer.certificatesInUse(endsOf(certificates));
  const server = createTlsServer(
    {
      ...contextOf(certificates),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_MILLISECONDS,
      noDelay: true,
    },
    (socket) => {
      handshakes.succeeded(socket);
      connections.admit(socket, peerOf(socket, roles));
    },
  );
  connections.watch(server, HANDSHAKES_MAX);
  const handshakes = new Handshakes((address) => {
    connections.refuse(address, 'handshake_evicted', 'too many connections have not said who they are');
  });
  server.on('connection', (socket) => handshakes.begin(socket));
  server.on('tlsClientError', (error, socket) => {
    if (!handshakes.wasEvicted(socket)) connections.refuse(addressOf(socket), 'handshake', error.message);
  });
  const stop = followCertificates(files, certificates, {
    onChange: (changed) => {
      server.setSecureContext(contextOf(changed));
      logger.info({ ...files }, 'certificates reloaded');
      observer.certificatesReloaded('ok');
      observer.certificatesInUse(endsOf(changed));
    },
    onFailure: (failure) => {
      logger.error({ ...files, reason: failure.message }, 'new certificates refused, the old ones stay in use');
      observer.certificatesReloaded('failed');
    },
  });
  return { server, stop };
}

function contextOf({ certificate, key, clientCa }: Certificates) {
  return { cert: certificate, key, ca: clientCa, minVersion: 'TLSv1.3' as const };
}

function peerOf(socket: TLSSocket, roles: RoleAssignments) {
  const certificate = socket.getPeerCertificate();
  const name = identityOf(certificate);
  return {
    identity: name ?? `certificate:${certificate.fingerprint256}`,
    role: name === undefined ? undefined : roleOf([name], roles),
    address: addressOf(socket),
  };
}
