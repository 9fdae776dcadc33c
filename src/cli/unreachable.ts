import { statSync } from 'node:fs';
import type { HauberkError } from '../client/messages.js';

const UNIX = 'unix:';
const ELSEWHERE = '(--address, HAUBERK_ADDRESS)';

/** Where a call went, and how. */
export interface Target {
  readonly address: string;
  readonly hasTls: boolean;
  readonly timeoutSeconds: number;
}

/** Why a daemon cannot be reached and what to do; undefined when it was reached. */
export function whyUnreachable({ code, message }: HauberkError, target: Target): string | undefined {
  const { address, timeoutSeconds } = target;
  if (code === 'DEADLINE_EXCEEDED')
    return `hauberkd at ${address} has not answered within ${timeoutSeconds} s (--timeout, HAUBERK_TIMEOUT)`;
  if (code !== 'UNAVAILABLE' || !/no connection established|name resolution|connection dropped/iu.test(message))
    return undefined;
  const cause = address.startsWith(UNIX) ? whyNotBySocket(address, message) : whyNotByNetwork(message, target);
  return `cannot reach hauberkd at ${address}: ${cause}`;
}

function whyNotBySocket(address: string, message: string): string {
  const path = address.slice(UNIX.length);
  const problem = problemOf(path) ?? /\bE[A-Z]{4,}\b/u.exec(message)?.[0];
  switch (problem) {
    case 'ENOENT':
      return `no such socket; is it running? ${ELSEWHERE}`;
    case 'EACCES':
      return 'permission denied; run as root, or as a user who may open the socket and its directory';
    case 'ECONNREFUSED':
      return `nothing listens on the socket; is it running? ${ELSEWHERE}`;
    case 'ENOTSOCK':
      return `that is not a socket ${ELSEWHERE}`;
    default:
      return lastErrorOf(message);
  }
}

function problemOf(path: string): string | undefined {
  try {
    return statSync(path).isSocket() ? undefined : 'ENOTSOCK';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function whyNotByNetwork(message: string, { hasTls }: Target): string {
  if (/ECONNREFUSED/u.test(message))
    return `nothing listens there; is it running, with --listen for that address? ${ELSEWHERE}`;
  if (/name resolution|ENOTFOUND/iu.test(message)) return `no such host ${ELSEWHERE}`;
  if (/certificate|altname|self.signed/iu.test(message)) return `${lastErrorOf(message)} (--tls-ca, --tls-server-name)`;
  const advice = hasTls ? '' : '; does it want TLS? (--tls-ca, --tls-certificate, --tls-key)';
  return lastErrorOf(message) + advice;
}

/** The error of the connection, without gRPC's wrapping. */
function lastErrorOf(message: string): string {
  const [, last] = /last error: (.*?)\.? ?(?:resolution note:.*)?$/isu.exec(message) ?? [];
  return last || message;
}
