import type { RpcLogger } from '../handler.js';
import { hostOf } from './client-address.js';
import type { RefusalReason } from './observer.js';
import type { Peer } from './peer.js';
import { Repeats } from './repeats.js';

/** In one line of the log; a synchronisation may touch every container of a host. */
const NAMES_MAX = 100;
/** The longest name of a method, in characters. */
const METHOD_MAX = 200;

export interface WriteRecord {
  readonly method: string;
  /** `namespace/name` of policies, ids of containers. */
  readonly names: readonly string[];
  readonly code: string;
  readonly durationMilliseconds: number;
  /** Set if the call ended for its caller (by a deadline, or because it left) before the work was done. */
  readonly afterCallEnded?: true;
}

/**
 * Writes down who changed what, and who was turned away. Every line has `audit: true`. Refusals that repeat themselves are
 * summed up in a line with `repeated`.
 */
export class AuditLog {
  readonly #repeats = new Repeats();
  readonly #warn = (fields: object, message: string): void => this.logger.warn(fields, message);

  constructor(private readonly logger: RpcLogger) {}

  wrote(peer: Peer, { names, ...record }: WriteRecord): void {
    const left = names.length - NAMES_MAX;
    const shown = { names: names.slice(0, NAMES_MAX), ...(left > 0 && { namesLeftOut: left }) };
    this.logger.info({ ...who(peer), ...record, ...shown }, 'write');
  }

  refusedCall(peer: Peer, method: string, reason: RefusalReason, code: string): void {
    const fields = { ...who(peer), method: method.slice(0, METHOD_MAX), reason, code };
    // Any number of method names could be invented.
    const kind = JSON.stringify([peer.identity, reason, reason === 'unknown_method' ? '' : method]);
    this.#repeats.write(kind, this.#warn, fields, 'call refused');
  }

  /** @param address where it came from; nothing more is known about the client, or it cannot be trusted */
  refusedConnection(address: string, reason: RefusalReason, description: string): void {
    const fields = { audit: true, peer: address, reason, description };
    this.#repeats.write(JSON.stringify([hostOf(address), reason]), this.#warn, fields, 'connection refused');
  }

  /** Writes the counts that are outstanding. */
  close(): void {
    this.#repeats.close();
  }
}

function who({ identity, role, address }: Peer) {
  return { audit: true, identity, role: role ?? 'none', peer: address };
}
