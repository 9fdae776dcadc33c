import {
  addressText,
  familyName,
  isInternet,
  isNamedByProtocol,
  protocolName,
  typeName,
} from '../../image/socket-names.js';
import type { SocketUse } from '../../policy/network.js';

/** The type that an internet socket of a protocol has; KubeArmor's alerts name it also where events do not. */
const TYPES: Readonly<Record<string, string>> = {
  tcp: 'stream',
  mptcp: 'stream',
  udp: 'dgram',
  udplite: 'dgram',
  icmp: 'dgram',
  icmpv6: 'dgram',
  sctp: 'stream',
};

/** What an event says of a socket, by the names that KubeArmor's alerts have. */
export interface SocketFields {
  /** Absent for an internet socket. */
  readonly family?: string;
  readonly protocol: string;
  readonly type: string;
  readonly remoteip?: string;
  readonly port?: string;
  readonly domain?: string;
}

export function socketFields(use: SocketUse): SocketFields {
  const { direction, port, address, name } = use;
  return {
    ...kindOf(use),
    ...(address.length > 0 && { remoteip: addressText(address) }),
    ...(direction !== 'none' && { port: String(port) }),
    ...(name !== undefined && { domain: name }),
  };
}

function kindOf(use: SocketUse): Pick<SocketFields, 'family' | 'protocol' | 'type'> {
  const name = protocolName(use);
  if (isNamedByProtocol(use)) return { protocol: protocolText(name!), type: typeText(TYPES[name!] ?? '') };
  const isOfInternet = isInternet(use);
  return {
    ...(!isOfInternet && { family: `AF_${familyName(use).toUpperCase()}` }),
    protocol: protocolText((isOfInternet && name) || String(use.protocol)),
    type: typeText(typeName(use)),
  };
}

function protocolText(name: string): string {
  return name === 'icmpv6' ? 'ICMPv6' : name.toUpperCase();
}

function typeText(type: string): string {
  return type === '' ? '' : `SOCK_${type.toUpperCase()}`;
}
