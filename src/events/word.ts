import { CAPABILITIES } from '../policy/capability.js';
import { ADDRESS_FAMILIES, SOCKET_TYPES } from '../policy/network.js';
import { callName } from '../policy/system-calls.js';

const ZERO = 0x61;
const FAMILY_NAMES = namesOf(ADDRESS_FAMILIES);
const TYPE_NAMES = namesOf(SOCKET_TYPES);
/** IPPROTO_ numbers that have a name people use. */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'icmpv6'],
  [132, 'sctp'],
  [136, 'udplite'],
  [255, 'raw'],
  [262, 'mptcp'],
]);
/** What protocol 0 stands for, by type. */
const DEFAULT_PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['stream', 'tcp'],
  ['dgram', 'udp'],
]);

/**
 * What a word of the kernel's says (see image/words.ts), for people: a path as it is, a capability by its name, a socket
 * as `tcp 10.0.0.1:443`, `tcp port 80` where only this end is told, or `netlink raw 0`; of a file its path with the type
 * of its filesystem, of a mount its place with its type, of a process its program; a system call as `unlink`, or as
 * `unlink /tmp/x` where a path is told.
 */
export function describeWord(word: string): string {
  const describe = OTHER_WORDS[word.charAt(0)];
  if (describe !== undefined) return describe(word.slice(2));
  if (!/^[cn]/u.test(word)) return word;
  const number = (start: number, count: number) => numberIn(word.slice(start, start + count));
  if (word.startsWith('c')) return CAPABILITIES[number(1, 2)] ?? `capability ${number(1, 2)}`;
  const family = nameIn(FAMILY_NAMES, number(1, 2));
  const type = nameIn(TYPE_NAMES, number(3, 1));
  const sockets = describeSockets(family, type, number(4, 4));
  if (number(8, 1) === 0) return sockets;
  const port = number(9, 4);
  const bytes = (count: number) => Array.from({ length: count }, (_, index) => number(14 + index * 2, 2));
  switch (number(13, 1)) {
    case 1:
      return `${sockets} ${bytes(4).join('.')}:${port}`;
    case 2:
      return `${sockets} [${formatIpv6(bytes(16))}]:${port}`;
    default:
      return `${sockets} port ${port}`;
  }
}

function numberIn(letters: string): number {
  return [...letters].reduce((value, letter) => value * 16 + letter.charCodeAt(0) - ZERO, 0);
}

const withType = (text: string): string => {
  const slash = text.indexOf('/');
  const type = slash < 0 ? text : text.slice(0, slash);
  return type === '' || slash < 0 ? text : `${text.slice(slash)} (${type})`;
};

/** By the first letter; each gets what stands behind the second. */
const OTHER_WORDS: Readonly<Record<string, (text: string) => string>> = {
  f: withType,
  m: withType,
  s: (text) => {
    const number = numberIn(text.slice(0, 4));
    const name = callName(number) ?? `system call ${number}`;
    return text.length > 4 ? `${name} ${text.slice(4)}` : name;
  },
  t: (program) => program || 'a kernel thread',
  u: () => 'user namespace',
  p: (text) => /\/.*/su.exec(text)?.[0] ?? 'memory without a file',
};

function describeSockets(family: string, type: string, protocol: number): string {
  const name = PROTOCOL_NAMES.get(protocol) ?? (protocol === 0 ? DEFAULT_PROTOCOLS.get(type) : undefined);
  if (family === 'inet' || family === 'inet6') {
    if (name === undefined || type === 'raw') return `${family} ${type} ${name ?? protocol}`;
    return name;
  }
  return protocol === 0 ? `${family} ${type}` : `${family} ${type} ${protocol}`;
}

/** RFC 5952: the longest run of zero groups is left out. */
function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[index * 2]! << 8) | bytes[index * 2 + 1]!).toString(16),
  );
  const text = groups.join(':');
  const runs = text.match(/\b0(?::0)+\b/gu) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  return longest === '' ? text : text.replace(new RegExp(`:?\\b${longest}\\b:?`, 'u'), '::');
}

function namesOf(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, value]) => [value, name]));
}

function nameIn(names: ReadonlyMap<number, string>, value: number): string {
  return names.get(value) ?? String(value);
}
