import { parseAddressBlock } from '../../policy/address.js';
import type { Action, DomainMatch, EndpointMatch } from '../../policy/model.js';
import { ANY_ENDPOINT, isAnyOf, PROTOCOLS, parsePorts, RAW_SOCKETS, type SocketUse } from '../../policy/network.js';
import { socketOf } from './network.js';
import { has, NO_PATH, type ReadingPart } from './part.js';

const WHOLE_ADDRESS = 128;

export const endpoint: ReadingPart<EndpointMatch> = {
  ...NO_PATH,
  covers: (match, object, action) =>
    object.kind === 'socket' && (isEndpoint(match, action, object) || isDeniedRaw(match, action, object)),
  examples({ protocol, cidr, ports, direction }) {
    const [set] = protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[protocol];
    const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
    const end = {
      direction: direction ?? 'egress',
      port: ports === undefined ? 1 : parsePorts(ports)!.low,
      address: typeof block === 'object' ? [...block.address] : [127, 0, 0, 1],
    };
    return [{ ...socketOf(set!), ...end }];
  },
  kind: ({ raw }) => (raw ? 'sockets that no rule names' : 'one thing'),
  detail({ raw, cidr, ports, protocol, direction }) {
    if (raw) return [];
    const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
    const bits = typeof block === 'object' ? block.bits + (block.address.length === 4 ? 96 : 0) : 0;
    const range = ports === undefined ? undefined : parsePorts(ports);
    return [bits, range === undefined ? 0 : 65_535 - (range.high - range.low), has(protocol), has(direction)];
  },
};

export const domain: ReadingPart<DomainMatch> = {
  ...NO_PATH,
  covers(match, object, action) {
    if (object.kind === 'query') return isUnder(match, object.name);
    return object.kind === 'socket' && (isNamed(match, object) || (action === 'Allow' && isForDnsQueries(object)));
  },
  examples(match) {
    const [set] = ANY_ENDPOINT;
    const end = { direction: 'egress' as const, port: 443, address: [127, 0, 0, 1] };
    return [{ ...socketOf(set!), ...end, name: queryOf(match).name }];
  },
  kind: ({ asking }) => (asking ? 'transport protocol' : 'one thing'),
  /** The longer name, and of two of equal length the one without the domain itself. */
  detail({ asking, domain: name }) {
    if (asking) return [];
    const isBelow = name.startsWith('*.');
    return [WHOLE_ADDRESS - 0.5, ...(isBelow ? [name.length - 2, 1] : [name.length, 0])];
  },
};

/** A question for a name that it covers. */
export function queryOf({ domain: name }: DomainMatch): { kind: 'query'; name: string } {
  return { kind: 'query', name: name.replace(/^\*/u, 'x') };
}

/** Whether a socket is used towards an address of a name that a domain covers. */
export function isNamed(match: DomainMatch, { family, direction, name }: SocketUse): boolean {
  const isInternet = ANY_ENDPOINT.some(({ families = [] }) => families.includes(family));
  return isInternet && direction === 'egress' && name !== undefined && isUnder(match, name);
}

/** Whether a socket is being made, or used, as whoever asks for a name must. */
function isForDnsQueries(use: SocketUse): boolean {
  const isFit = isAnyOf(PROTOCOLS.udp, use) || isAnyOf(PROTOCOLS.tcp, use);
  return isFit && (use.direction === 'none' || (use.direction === 'egress' && use.port === 53));
}

function isUnder({ domain: covered }: DomainMatch, name: string): boolean {
  return covered.startsWith('*.') ? name.endsWith(covered.slice(1)) : `.${name}`.endsWith(`.${covered}`);
}

/** Whether a socket could reach what an endpoint blocks without being seen: its program writes the packets. */
function isDeniedRaw(match: EndpointMatch, action: Action, use: SocketUse): boolean {
  return action === 'Block' && match.direction !== 'ingress' && isAnyOf(RAW_SOCKETS, use);
}

/** What is allowed may also do what is needed until the other end is known: see EndpointMatch. */
export function isEndpoint(match: EndpointMatch, action: Action, use: SocketUse): boolean {
  if (!isAnyOf(match.protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[match.protocol], use)) return false;
  if (use.direction === 'none') return action === 'Allow';
  if (match.direction !== undefined && match.direction !== use.direction) return false;
  const { ports, bits } = placeOf(match);
  if (ports !== undefined && (use.port < ports.low || ports.high < use.port)) return false;
  if (bits === undefined) return true;
  if (use.address.length === 0) return action === 'Allow';
  return bits.length === use.address.length && isWithin(use.address, bits.start);
}

interface Place {
  readonly ports: ReturnType<typeof parsePorts>;
  /** What addresses begin with, digit by digit, and how many bytes they have. */
  readonly bits: { readonly start: string; readonly length: number } | undefined;
}

const places = new WeakMap<EndpointMatch, Place>();

function placeOf(match: EndpointMatch): Place {
  const place = places.get(match) ?? parsePlace(match);
  places.set(match, place);
  return place;
}

function parsePlace({ ports, cidr }: EndpointMatch): Place {
  return {
    ports: ports === undefined ? undefined : parsePorts(ports),
    bits: cidr === undefined ? undefined : bitsOf(cidr),
  };
}

function bitsOf(cidr: string): Place['bits'] {
  const block = parseAddressBlock(cidr);
  if (typeof block === 'string') throw new Error(`${cidr} ${block}`);
  return { start: digitsOf(block.address).slice(0, block.bits), length: block.address.length };
}

function isWithin(address: Iterable<number>, start: string): boolean {
  return digitsOf(address).startsWith(start);
}

function digitsOf(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}
