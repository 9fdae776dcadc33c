import { status } from '@grpc/grpc-js';

/** Why a connection or a call was turned away. */
export const REFUSAL_REASONS = [
  'connections',
  'roleless-connections',
  'handshake',
  'no-role',
  'role',
  'rate',
  'streams',
  'message-size',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** What counts the RPC room's work; the metrics do. */
export interface RpcObserver {
  /** A call has ended. @param code by name, such as `NOT_FOUND` */
  requestEnded(method: string, code: string): void;
  refused(reason: RefusalReason): void;
  certificatesReloaded(result: 'ok' | 'failed'): void;
}

export const NO_OBSERVER: RpcObserver = {
  requestEnded: () => undefined,
  refused: () => undefined,
  certificatesReloaded: () => undefined,
};

export function codeName(code: status): string {
  return status[code] ?? `${code}`;
}
