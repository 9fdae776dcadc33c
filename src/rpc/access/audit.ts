import type { RpcLogger } from '../handler.js';
import type { RefusalReason } from './observer.js';
import type { Peer } from './peer.js';

/** In one line of the log; a synchronisation may touch every container of a host. */
const NAMES_MAX = 100;

export interface WriteRecord {
  readonly method: string;
  /** `namespace/name` of policies, ids of containers. */
  readonly names: readonly string[];
  readonly code: string;
  readonly durationMilliseconds: number;
  /** Set where the caller had its answer, a deadline or nothing, before the work was done. */
  readonly afterCallEnded?: true;
}

/** Writes down who changed what, and who was turned away. Every line has `audit: true`. */
export class AuditLog {
  constructor(private readonly logger: RpcLogger) {}

  wrote(peer: Peer, { names, ...record }: WriteRecord): void {
    const left = names.length - NAMES_MAX;
    const shown = { names: names.slice(0, NAMES_MAX), ...(left > 0 && { namesLeftOut: left }) };
    this.logger.info({ ...who(peer), ...record, ...shown }, 'write');
  }

  refusedCall(peer: Peer, method: string, reason: RefusalReason, code: string): void {
    this.logger.warn({ ...who(peer), method, reason, code }, 'call refused');
  }

  /** @param address where it came from; nothing more is known of the client, or it may not be believed */
  refusedConnection(address: string, reason: RefusalReason, description: string): void {
    this.logger.warn({ audit: true, peer: address, reason, description }, 'connection refused');
  }
}

function who({ identity, role, address }: Peer) {
  return { audit: true, identity, role: role ?? 'none', peer: address };
}
