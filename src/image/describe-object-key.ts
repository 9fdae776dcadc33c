import { formatIpv6 } from '../policy/address.js';
import { ADDRESS_FAMILIES, SOCKET_TYPES, type SocketUse } from '../policy/network.js';
import { callName } from '../policy/system-calls.js';
import { readCallKey, readCapabilityKey, readQuestionKey, readSocketKey } from './read-object-key.js';

const FAMILY_NAMES = namesOf(ADDRESS_FAMILIES);
const TYPE_NAMES = namesOf(SOCKET_TYPES);
/** IPPROTO_ numbers with a name in common use. */
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
 * Describes an object key (see image/object-keys.ts) for people: a path as it is, a capability by its name, a socket
 * as `tcp 10.0.0.1:443`, with a name if an answer gave the address for it, `tcp port 80` where only this end is reported, or
 * `netlink raw 0`; of a file its path with the type of its filesystem, of a mount its place with its type, of a process its
 * program; a system call as `unlink`, or as `unlink /tmp/x` where a path is reported; a name that is looked up as it is.
 */
export function describeObjectKey(key: string): string {
  const describe = OTHER_KEYS[key.charAt(0)];
  if (describe !== undefined) return describe(key.slice(2));
  if (key.startsWith('q')) return readQuestionKey(key) || '.';
  if (key.startsWith('c')) return readCapabilityKey(key);
  if (key.startsWith('s')) return describeCall(key);
  return key.startsWith('n') ? describeSocket(readSocketKey(key)) : key;
}

function describeSocket({ family, type, protocol, direction, port, address, name }: SocketUse): string {
  const sockets = describeSockets(nameIn(FAMILY_NAMES, family), nameIn(TYPE_NAMES, type), protocol);
  if (direction === 'none') return sockets;
  if (address.length === 0) return `${sockets} port ${port}`;
  return `${sockets} ${formatAddress(address)}:${port}${name === undefined ? '' : ` (${name})`}`;
}

function describeCall(key: string): string {
  const { number, path } = readCallKey(key);
  const name = callName(number) ?? `system call ${number}`;
  return path === '' ? name : `${name} ${path}`;
}

const withType = (text: string): string => {
  const slash = text.indexOf('/');
  const type = slash < 0 ? text : text.slice(0, slash);
  return type === '' || slash < 0 ? text : `${text.slice(slash)} (${type})`;
};

/** By the first character; each function gets what follows the second one. */
const OTHER_KEYS: Readonly<Record<string, (text: string) => string>> = {
  f: withType,
  m: withType,
  t: (program) => program || 'a kernel thread',
  u: () => 'user namespace',
  // The object key of the capability follows.
  p: (text) =>
    /^c[a-p]{2}$/u.test(text) ? readCapabilityKey(text) : (/\/.*/su.exec(text)?.[0] ?? 'memory without a file'),
};

function describeSockets(family: string, type: string, protocol: number): string {
  const name = PROTOCOL_NAMES.get(protocol) ?? (protocol === 0 ? DEFAULT_PROTOCOLS.get(type) : undefined);
  if (family === 'inet' || family === 'inet6') {
    if (name === undefined || type === 'raw') return `${family} ${type} ${name ?? protocol}`;
    return name;
  }
  return protocol === 0 ? `${family} ${type}` : `${family} ${type} ${protocol}`;
}

function formatAddress(address: readonly number[]): string {
  return address.length === 4 ? address.join('.') : `[${formatIpv6(address)}]`;
}

function namesOf(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, value]) => [value, name]));
}

function nameIn(names: ReadonlyMap<number, string>, value: number): string {
  return names.get(value) ?? String(value);
}
