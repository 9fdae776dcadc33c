/** Internet sockets that events name by their protocol alone, with the type that such a socket has. */
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

/** Reads what describeObjectKey of image/ writes of a socket, such as `tcp 10.0.0.1:443 (example.com)` or `netlink raw 0`. */
export function socketFields(object: string): SocketFields {
  const [, socket, address, remotePort, domain, ownPort] =
    /^(.*?)(?: (\S+):(\d+)(?: \((.*)\))?| port (\d+))?$/u.exec(object) ?? [];
  const port = remotePort ?? ownPort;
  return {
    ...kindOf(socket!),
    ...(address !== undefined && { remoteip: address.replace(/^\[(.*)\]$/u, '$1') }),
    ...(port !== undefined && { port }),
    ...(domain !== undefined && { domain }),
  };
}

function kindOf(socket: string): Pick<SocketFields, 'family' | 'protocol' | 'type'> {
  const [first, type, protocol] = socket.split(' ');
  if (type === undefined) return { protocol: protocolName(first!), type: typeName(TYPES[first!] ?? '') };
  const isInternet = first === 'inet' || first === 'inet6';
  return {
    ...(!isInternet && { family: `AF_${first!.toUpperCase()}` }),
    protocol: protocolName(protocol ?? '0'),
    type: typeName(type),
  };
}

function protocolName(name: string): string {
  return name === 'icmpv6' ? 'ICMPv6' : name.toUpperCase();
}

function typeName(type: string): string {
  return type === '' ? '' : `SOCK_${type.toUpperCase()}`;
}
