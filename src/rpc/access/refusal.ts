import { status } from '@grpc/grpc-js';
import { RetryInfo } from '../../generated/google/rpc/error_details.js';
import { statusWith } from '../errors.js';
import type { NeededRole } from './method-rule.js';
import type { RefusalReason } from './observer.js';
import type { Peer } from './peer.js';
import { includesRole } from './role.js';

/** A call that is refused before its handler sees it. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: ReturnType<typeof statusWith>;
}

/** The refusal if the client's role is too low for a method. */
export function roleRefusal({ identity, role }: Peer, method: string, needs: NeededRole): Refusal | undefined {
  if (needs === 'anyone' || (role !== undefined && includesRole(role, needs))) return undefined;
  if (role === undefined) {
    const message = `${method} needs the role ${needs}; ${identity} has no role`;
    // The client is authenticated, so logging in again would not help.
    return { reason: 'no_role', status: statusWith(status.PERMISSION_DENIED, message) };
  }
  const message = `${method} needs the role ${needs}; ${identity} has the role ${role}`;
  return { reason: 'role', status: statusWith(status.PERMISSION_DENIED, message) };
}

/** The refusal with the time after which to retry, also as google.rpc.RetryInfo. */
export function rateRefusal({ identity }: Peer, requestsPerSecond: number, retryMilliseconds: number): Refusal {
  const message = `${identity} has sent more than ${requestsPerSecond} requests a second; retry in ${retryMilliseconds} ms`;
  const retryDelay = {
    seconds: BigInt(Math.floor(retryMilliseconds / 1000)),
    nanos: (retryMilliseconds % 1000) * 1_000_000,
  };
  const detail = { type: 'google.rpc.RetryInfo', value: RetryInfo.encode({ retryDelay }).finish() };
  return { reason: 'rate', status: statusWith(status.RESOURCE_EXHAUSTED, message, [detail]) };
}

/** Worded as in grpc-js. */
export function unknownMethodRefusal(method: string): Refusal {
  const message = `The server does not implement the method ${method}`;
  return { reason: 'unknown_method', status: statusWith(status.UNIMPLEMENTED, message) };
}

export function streamRefusal({ identity }: Peer, maximum: number): Refusal {
  const message = `${identity} has ${maximum} streams open, which is the most one client may have`;
  return { reason: 'streams', status: statusWith(status.RESOURCE_EXHAUSTED, message) };
}
