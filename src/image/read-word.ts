import { CAPABILITIES } from '../policy/capability.js';
import type { SocketUse } from '../policy/network.js';

/** Takes words apart that words.ts describes and the kernel writes. */

const ZERO = 0x61;
/** What may follow is a name. */
const SOCKET_LETTERS = 46;
const DIRECTIONS = ['none', 'egress', 'ingress'] as const;
/** By the kind of address: how many bytes it has. */
const ADDRESS_BYTES = [0, 4, 16];

export function readSocketWord(word: string): SocketUse {
  const name = readName(word.slice(SOCKET_LETTERS));
  return {
    family: numberAt(word, 1, 2),
    type: numberAt(word, 3, 1),
    protocol: numberAt(word, 4, 4),
    direction: DIRECTIONS[numberAt(word, 8, 1)] ?? 'none',
    port: numberAt(word, 9, 4),
    address: Array.from({ length: ADDRESS_BYTES[numberAt(word, 13, 1)] ?? 0 }, (_, index) =>
      numberAt(word, 14 + index * 2, 2),
    ),
    ...(name !== '' && { name }),
  };
}

/** The name that a question is for; empty for the root. */
export function readQuestionWord(word: string): string {
  return readName(word.slice(1));
}

/** From parts, the last one first, each behind a dot. */
function readName(parts: string): string {
  return parts.slice(1).split('.').reverse().join('.');
}

/** The capability's name; `capability 99` for one that this version does not know. */
export function readCapabilityWord(word: string): string {
  const number = numberAt(word, 1, 2);
  return CAPABILITIES[number] ?? `capability ${number}`;
}

/** The number of a system call and, where it is told, the path it is given. */
export function readCallWord(word: string): { readonly number: number; readonly path: string } {
  return { number: numberAt(word, 2, 4), path: word.slice(6) };
}

function numberAt(word: string, start: number, letters: number): number {
  return [...word.slice(start, start + letters)].reduce((sum, letter) => sum * 16 + letter.charCodeAt(0) - ZERO, 0);
}
