import type { Action, DomainMatch, EndpointMatch } from '../../policy/model.js';
import { ANY_ENDPOINT, isAnyOf, PROTOCOLS, parsePorts, RAW_SOCKETS, type SocketUse } from '../../policy/network.js';
import { type DigitBlock, firstAddress, isWithin, readBlock } from '../address-block.js';
import { socketOf } from './network.js';
import { has, NO_PATH, type ReadingPart } from './part.js';

const WHOLE_ADDRESS = 128;

export const endpoint: ReadingPart<EndpointMatch> = {
  ...NO_PATH,
  covers: (match, object, action) =>
    object.kind === 'socket' && (isEndpoint(match, action, object) || isDeniedRaw(match, action, object)),
  examples({ protocol, cidr, ports, direction }) {
    const [set] = protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[protocol];
    const end = {
      direction: direction ?? 'egress',
      port: ports === undefined ? 1 : parsePorts(ports)!.low,
      address: cidr === undefined ? [127, 0, 0, 1] : firstAddress(readBlock(cidr)),
    };
    return [{ ...socketOf(set!), ...end }];
  },
  kind: ({ raw }) => (raw ? 'sockets that no rule names' : 'one thing'),
  detail(match) {
    const { raw, protocol, direction } = match;
    if (raw) return [];
    const { block, ports: range } = placeOf(match);
    // As long as the same block is among the IPv4-mapped addresses of IPv6.
    const bits = block === undefined ? 0 : block.start.length + WHOLE_ADDRESS - block.digits;
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
  kind: ({ lookup }) => (lookup ? 'transport protocol' : 'one thing'),
  /** The longer name, and of two of equal length the one without the domain itself. */
  detail({ lookup, domain: name }) {
    if (lookup) return [];
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
  const { ports, block } = placeOf(match);
  if (ports !== undefined && (use.port < ports.low || ports.high < use.port)) return false;
  if (block === undefined) return true;
  if (use.address.length === 0) return action === 'Allow';
  return isWithin(use.address, block);
}

interface Place {
  readonly ports: ReturnType<typeof parsePorts>;
  readonly block: DigitBlock | undefined;
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
    block: cidr === undefined ? undefined : readBlock(cidr),
  };
}
