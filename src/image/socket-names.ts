import { formatIpv6 } from '../policy/address.js';
import { ADDRESS_FAMILIES, SOCKET_TYPES, type SocketUse } from '../policy/network.js';

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
const DEFAULT_PROTOCOL = 0;

/** The family's name, or its number. */
export function familyName({ family }: SocketUse): string {
  return FAMILY_NAMES.get(family) ?? String(family);
}

/** The type's name, or its number. */
export function typeName({ type }: SocketUse): string {
  return TYPE_NAMES.get(type) ?? String(type);
}

/** Of an internet socket; undefined for a protocol that has none. */
export function protocolName({ protocol, type }: SocketUse): string | undefined {
  if (protocol !== DEFAULT_PROTOCOL) return PROTOCOL_NAMES.get(protocol);
  if (type === SOCKET_TYPES.stream) return 'tcp';
  return type === SOCKET_TYPES.dgram ? 'udp' : undefined;
}

export function isInternet({ family }: SocketUse): boolean {
  return family === ADDRESS_FAMILIES.inet || family === ADDRESS_FAMILIES.inet6;
}

/** An internet socket that the name of its protocol describes. */
export function isNamedByProtocol(use: SocketUse): boolean {
  return isInternet(use) && use.type !== SOCKET_TYPES.raw && protocolName(use) !== undefined;
}

export function addressText(address: readonly number[]): string {
  return address.length === 4 ? address.join('.') : formatIpv6(address);
}

function namesOf(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, value]) => [value, name]));
}
