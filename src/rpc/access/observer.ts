import { status } from '@grpc/grpc-js';

/** Why a connection or a call was turned away. */
export const REFUSAL_REASONS = [
  'connections',
  'roleless_connections',
  'handshake',
  'handshake_evicted',
  'no_role',
  'role',
  'rate',
  'streams',
  'message_size',
  'unknown_method',
  'unread',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** When clients can no longer be served, in milliseconds since the Unix epoch. */
export interface CertificateEnds {
  /** For the server's own certificate, or one between it and its root. */
  readonly server: number;
  /** For the last of the authorities that clients' certificates come from. */
  readonly clientCa: number;
}

/** Counts what the RPC server does; implemented by the metrics. */
export interface RpcObserver {
  /**
   * A call has ended.
   *
   * @param method UNKNOWN_METHOD for one that does not exist
   * @param code by name, such as `NOT_FOUND`
   * @param seconds since it came; left out of a stream, which lasts as long as its client likes
   */
  requestEnded(method: string, code: string, seconds?: number): void;
  refused(reason: RefusalReason): void;
  certificatesReloaded(result: 'ok' | 'failed'): void;
  /** New certificates are in use. */
  certificatesInUse(ends: CertificateEnds): void;
}

export const NO_OBSERVER: RpcObserver = {
  requestEnded: () => undefined,
  refused: () => undefined,
  certificatesReloaded: () => undefined,
  certificatesInUse: () => undefined,
};

export function codeName(code: status): string {
  return status[code] ?? `${code}`;
}
