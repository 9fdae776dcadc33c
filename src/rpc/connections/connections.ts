import type { Server as NetServer, Socket } from 'node:net';
import { experimental, type Server, ServerCredentials } from '@grpc/grpc-js';
import type { AuditLog } from '../access/audit.js';
import type { Gate } from '../access/gate.js';
import type { RefusalReason, RpcObserver } from '../access/observer.js';
import type { Peer } from '../access/peer.js';
import type { RpcLogger } from '../handler.js';

/** Clients without a role hold at most one connection in this many, so that they cannot shut out the others. */
const ROLELESS_SHARE = 4;

/** Hands accepted sockets to the gRPC server, each behind a gate that knows its peer. */
export class Connections {
  #admitted = 0;
  #roleless = 0;
  #isClosed = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(
    private readonly server: Server,
    private readonly gate: Gate,
    private readonly audit: AuditLog,
    private readonly observer: RpcObserver,
    private readonly logger: RpcLogger,
    private readonly maximum: number,
  ) {}

  /**
   * Counts what a listening server turns away, and bounds its connections.
   *
   * @param handshakes how many more may exist that are not admitted yet
   */
  watch(listener: NetServer, handshakes = 0): void {
    listener.maxConnections = this.maximum + handshakes;
    listener.on('drop', (data) => {
      this.refuse(describeDropped(data), 'connections', this.#tooMany);
    });
    // Out of descriptors, for example: the server continues.
    listener.once('listening', () => {
      listener.on('error', (error) => this.logger.error({ err: error }, 'cannot accept a connection'));
    });
  }

  refuse(address: string, reason: RefusalReason, description: string): void {
    this.observer.refused(reason);
    this.audit.refusedConnection(address, reason, description);
  }

  /** Takes in a socket nothing has been read from. */
  admit(socket: Socket, peer: Peer): void {
    // Node.js emits errors of a TLS socket that HTTP/2 does not listen for any more.
    socket.on('error', () => undefined);
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    if (this.#admitted >= this.maximum) {
      this.refuse(peer.address, 'connections', this.#tooMany);
      socket.destroy();
      return;
    }
    if (peer.role === undefined && !this.#countRoleless(socket)) {
      this.refuse(peer.address, 'roleless_connections', `too many connections of clients without a role`);
      socket.destroy();
      return;
    }
    this.#admitted++;
    socket.once('close', () => {
      this.#admitted--;
      this.#resolveIfEnded();
    });
    // An injector for each connection, as grpc-js does not tell an interceptor which connection a call came by.
    const injector = this.server.createConnectionInjector(
      experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
        this.gate.interceptorFor(peer, socket),
      ]),
    );
    socket.once('close', () => injector.destroy());
    injector.injectConnection(socket);
  }

  /** Admits nothing from then on. @returns when the last connection has ended */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#resolveIfEnded();
    return this.#ended.promise;
  }

  #resolveIfEnded(): void {
    if (this.#isClosed && this.#admitted === 0) this.#ended.resolve();
  }

  get #tooMany(): string {
    return `more than ${this.maximum} connections`;
  }

  #countRoleless(socket: Socket): boolean {
    if (this.#roleless >= Math.ceil(this.maximum / ROLELESS_SHARE)) return false;
    this.#roleless++;
    socket.once('close', () => this.#roleless--);
    return true;
  }
}

function describeDropped(data: { remoteAddress?: string; remotePort?: number } | undefined): string {
  return data?.remoteAddress === undefined ? 'unix' : `${data.remoteAddress}:${data.remotePort}`;
}
