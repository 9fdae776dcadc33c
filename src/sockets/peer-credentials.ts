import type { Socket } from 'node:net';
import { Failure } from '../failure.js';
import { readSocketOption } from '../native/libc.js';

/** include/uapi/asm-generic/socket.h */
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** struct ucred: pid, uid, gid. */
const CREDENTIALS_COUNT = 3;
const NGROUPS_MAX = 65_536;

/** The process that connected to a Unix socket, as it was at that time. */
export interface PeerCredentials {
  /** 0 for a process outside our process namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Asks the kernel which process is at the other end of an accepted Unix socket.
 *
 * @throws Failure internal if the socket no longer has a descriptor or the kernel does not answer
 */
export function peerCredentialsOf(socket: Socket): PeerCredentials {
  // The descriptor of a socket is in no public property.
  const fd = (socket as unknown as { _handle: { fd: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Failure('internal', 'the socket is closed');
  const [pid, uid, gid] = numbersOf(fd, SO_PEERCRED, CREDENTIALS_COUNT);
  return { pid: pid!, uid: uid!, gid: gid!, groups: numbersOf(fd, SO_PEERGROUPS, NGROUPS_MAX) };
}

/** The names of a client on the Unix socket: its user, then its groups. */
export function namesOfUser({ uid, gid, groups }: PeerCredentials): string[] {
  return [`uid:${uid}`, ...[...new Set([gid, ...groups])].map((group) => `gid:${group}`)];
}

function numbersOf(fd: number, option: number, count: number): number[] {
  const numbers = new Uint32Array(count);
  const bytes = readSocketOption(fd, option, numbers);
  if (bytes < 0) throw new Failure('internal', `getsockopt ${option}: errno ${-bytes}`);
  return [...numbers.subarray(0, bytes / numbers.BYTES_PER_ELEMENT)];
}
