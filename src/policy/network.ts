/** Names of the network part of the policy language, and the sockets they stand for. */

/** Address families by the names of `socket(2)`, in lower case and without AF_. */
export const ADDRESS_FAMILIES = {
  unix: 1,
  inet: 2,
  ax25: 3,
  ipx: 4,
  appletalk: 5,
  netrom: 6,
  bridge: 7,
  atmpvc: 8,
  x25: 9,
  inet6: 10,
  rose: 11,
  decnet: 12,
  netbeui: 13,
  security: 14,
  key: 15,
  netlink: 16,
  packet: 17,
  ash: 18,
  econet: 19,
  atmsvc: 20,
  rds: 21,
  sna: 22,
  irda: 23,
  pppox: 24,
  wanpipe: 25,
  llc: 26,
  ib: 27,
  mpls: 28,
  can: 29,
  tipc: 30,
  bluetooth: 31,
  iucv: 32,
  rxrpc: 33,
  isdn: 34,
  phonet: 35,
  ieee802154: 36,
  caif: 37,
  alg: 38,
  nfc: 39,
  vsock: 40,
  kcm: 41,
  qipcrtr: 42,
  smc: 43,
  xdp: 44,
  mctp: 45,
} as const;
export type AddressFamily = keyof typeof ADDRESS_FAMILIES;

/** Socket types of `socket(2)`. */
export const SOCKET_TYPES = { stream: 1, dgram: 2, raw: 3, rdm: 4, seqpacket: 5, dccp: 6, packet: 10 } as const;

/** What sockets a name stands for: every combination of the values; a list left out stands for any value. */
export interface SocketSet {
  readonly families?: readonly number[];
  readonly types?: readonly number[];
  readonly protocols?: readonly number[];
}

/** A use of a socket: numbers are those of socket(2). */
export interface SocketUse {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly direction: 'none' | 'egress' | 'ingress';
  /** Of the other end for egress, of this end for ingress; 0 where not known. */
  readonly port: number;
  /** 4 or 16 bytes; none where the other end is not known. */
  readonly address: readonly number[];
  /** The name whose DNS answer gave the address; left out where none did. */
  readonly name?: string;
}

const { inet, inet6, packet, smc, xdp, rds, rxrpc, pppox } = ADDRESS_FAMILIES;
const INTERNET = [inet, inet6];

/**
 * The names of `matchProtocols`. A transport protocol is the internet's only, whatever number the program asked for it
 * by: 0 is the type's own protocol, MPTCP (262) and SMC turn into TCP where the other end has no more, and UDP-Lite (136)
 * is UDP with a partial checksum. See ip(7), include/uapi/linux/in.h.
 */
export const PROTOCOLS = {
  tcp: [
    { families: INTERNET, types: [SOCKET_TYPES.stream], protocols: [0, 6, 262] },
    { families: [smc], types: [SOCKET_TYPES.stream] },
  ],
  udp: [{ families: INTERNET, types: [SOCKET_TYPES.dgram], protocols: [0, 17, 136] }],
  icmp: [{ families: [inet], types: [SOCKET_TYPES.dgram, SOCKET_TYPES.raw], protocols: [1] }],
  icmpv6: [{ families: [inet6], types: [SOCKET_TYPES.dgram, SOCKET_TYPES.raw], protocols: [58] }],
  sctp: [{ families: INTERNET, protocols: [132] }],
  raw: [{ families: [inet, inet6, packet], types: [SOCKET_TYPES.raw] }],
  stream: [{ types: [SOCKET_TYPES.stream] }],
  dgram: [{ types: [SOCKET_TYPES.dgram] }],
  rdm: [{ types: [SOCKET_TYPES.rdm] }],
  seqpacket: [{ types: [SOCKET_TYPES.seqpacket] }],
  dccp: [{ families: INTERNET, types: [SOCKET_TYPES.dccp] }],
  packet: [{ families: [packet] }, { types: [SOCKET_TYPES.packet] }],
  all: [{}],
} as const satisfies Record<string, readonly SocketSet[]>;
export type Protocol = keyof typeof PROTOCOLS;

/** Whether a socket is one of these. */
export function isAnyOf(sets: readonly SocketSet[], { family, type, protocol }: SocketUse): boolean {
  const has = (values: readonly number[] | undefined, value: number) => values === undefined || values.includes(value);
  return sets.some(
    ({ families, types, protocols }) => has(families, family) && has(types, type) && has(protocols, protocol),
  );
}

/** Protocols whose ends have addresses and ports. */
export const ENDPOINT_PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
export type EndpointProtocol = (typeof ENDPOINT_PROTOCOLS)[number];
/** What an endpoint without a protocol stands for: raw sockets send to addresses too. */
export const ANY_ENDPOINT: readonly SocketSet[] = [{ families: [inet, inet6, smc] }];

/**
 * Sockets whose programs write addresses into the packets themselves, or may, and those of protocols that go over the
 * internet's and name its addresses in ways of their own.
 */
export const RAW_SOCKETS: readonly SocketSet[] = [
  { families: [inet, inet6], types: [SOCKET_TYPES.raw] },
  ...PROTOCOLS.packet,
  { families: [xdp, rds, rxrpc, pppox] },
];

export type Direction = 'egress' | 'ingress';
export const DIRECTIONS: readonly Direction[] = ['egress', 'ingress'];

/** A block of addresses: the leading `bits` of `address`, which has 4 or 16 bytes and zeros behind them. */
export interface AddressBlock {
  readonly address: Uint8Array;
  readonly bits: number;
}

/** Both ends included. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export const PORT_MAX = 65535;

/** Reads one port or a range; undefined when it is neither. */
export function parsePorts(text: string): PortRange | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/u.exec(text) ?? [];
  const [low, high] = [Number(first), Number(last)];
  return first !== undefined && low <= high && high <= PORT_MAX ? { low, high } : undefined;
}
