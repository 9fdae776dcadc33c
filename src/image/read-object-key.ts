import { CAPABILITIES } from '../policy/capability.js';
import type { SocketUse } from '../policy/network.js';

/** Parses the object keys that object-keys.ts describes and the kernel writes. */

const ZERO = 0x61;
/** A name may follow. */
const SOCKET_DIGITS = 46;
const DIRECTIONS = ['none', 'egress', 'ingress'] as const;
/** By the kind of address: how many bytes it has. */
const ADDRESS_BYTES = [0, 4, 16];

export function readSocketKey(key: string): SocketUse {
  const name = readName(key.slice(SOCKET_DIGITS));
  return {
    family: numberAt(key, 1, 2),
    type: numberAt(key, 3, 1),
    protocol: numberAt(key, 4, 4),
    direction: DIRECTIONS[numberAt(key, 8, 1)] ?? 'none',
    port: numberAt(key, 9, 4),
    address: Array.from({ length: ADDRESS_BYTES[numberAt(key, 13, 1)] ?? 0 }, (_, index) =>
      numberAt(key, 14 + index * 2, 2),
    ),
    ...(name !== '' && { name }),
  };
}

/** The name that a question is for; empty for the root. */
export function readQuestionKey(key: string): string {
  return readName(key.slice(1));
}

/** From parts, the last one first, each behind a dot. */
function readName(parts: string): string {
  return parts.slice(1).split('.').reverse().join('.');
}

/** The capability's name; `capability 99` for one that this version does not know. */
export function readCapabilityKey(key: string): string {
  const number = numberAt(key, 1, 2);
  return CAPABILITIES[number] ?? `capability ${number}`;
}

/** The number of a system call and, if it was reported, the path it was given. */
export function readCallKey(key: string): { readonly number: number; readonly path: string } {
  return { number: numberAt(key, 2, 4), path: key.slice(6) };
}

function numberAt(key: string, start: number, digits: number): number {
  return [...key.slice(start, start + digits)].reduce((sum, digit) => sum * 16 + digit.charCodeAt(0) - ZERO, 0);
}
