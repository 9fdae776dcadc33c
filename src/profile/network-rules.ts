import { addressText } from '../image/socket-names.js';
import { checkDomain } from '../policy/domain.js';
import {
  ADDRESS_FAMILIES,
  ENDPOINT_PROTOCOLS,
  type EndpointProtocol,
  isAnyOf,
  PORT_MAX,
  PROTOCOLS,
  type Protocol,
  type SocketUse,
} from '../policy/network.js';
import { type Draft, sourcesOf } from './draft.js';
import { Gathered } from './evidence.js';
import type { ObservedAccess } from './observed-access.js';

/** With more addresses at one port, or ports at one address, than this the rule is for any. */
const ADDRESSES_MAX = 8;
/** From this port on the kernel assigns ports to clients; see ip(7), ip_local_port_range. */
const EPHEMERAL_LOW = 32_768;
/** Sockets of protocols without addresses, the narrowest first. */
const NAMED: readonly Protocol[] = ['icmp', 'icmpv6', 'dccp', 'raw', 'packet'];

interface Endpoint {
  readonly protocol: EndpointProtocol;
  readonly direction: 'egress' | 'ingress';
  readonly ports: string;
  /** With the length of its prefix; undefined where it is not known. */
  readonly cidr: string | undefined;
}

type Use = readonly [ObservedAccess, SocketUse];

/** Rules that allow the uses of sockets, and the questions for names, that were seen. */
export function networkRules(accesses: readonly ObservedAccess[]): Draft[] {
  const all = new Set(accesses.map(({ program }) => program));
  const uses = accesses.flatMap((access): Use[] => (access.object.kind === 'socket' ? [[access, access.object]] : []));
  const internet = uses.filter(([, use]) => endpointProtocolOf(use) !== undefined);
  const others = uses.filter(([, use]) => endpointProtocolOf(use) === undefined);
  return [...endpointRules(internet, all), ...kindRules(others, all), ...nameRules(accesses, all)];
}

/** Names that no rule can have, such as the root's, are left out. */
function nameRules(accesses: readonly ObservedAccess[], all: ReadonlySet<string>): Draft[] {
  const found = new Gathered<string>();
  for (const access of accesses) if (access.object.kind === 'query') found.add(access.object.name, access);
  return found.entries
    .filter(([domain]) => checkDomain(domain) === undefined)
    .map(([domain, evidence]) => ({
      section: 'network',
      list: 'matchDNSQueries',
      entry: { domain, ...sourcesOf(evidence, all) },
      action: 'Allow',
      evidence,
    }));
}

function endpointProtocolOf(use: SocketUse): EndpointProtocol | undefined {
  return ENDPOINT_PROTOCOLS.find((protocol) => isAnyOf(PROTOCOLS[protocol], use));
}

function endpointRules(uses: readonly Use[], all: ReadonlySet<string>): Draft[] {
  const found = new Gathered<Endpoint>();
  const users = new Set<string>();
  const userOf = (access: ObservedAccess, protocol: EndpointProtocol) => `${protocol} ${access.program}`;
  for (const [access, use] of uses) {
    if (use.direction === 'none') continue;
    const endpoint = endpointOf(use, use.direction);
    found.add(endpoint, access);
    users.add(userOf(access, endpoint.protocol));
  }
  for (const [access, use] of uses) {
    const protocol = endpointProtocolOf(use)!;
    // A program that may use a socket may make it.
    if (use.direction !== 'none' || users.has(userOf(access, protocol))) continue;
    // A socket that is only made: a rule for an unreachable endpoint allows it.
    found.add({ protocol, direction: 'egress', ports: '0', cidr: undefined }, access);
  }
  return simplified(found).entries.map(([{ protocol, direction, ports, cidr }, evidence]) => ({
    section: 'network',
    list: 'matchEndpoints',
    entry: { protocol, ...(cidr !== undefined && { cidr }), ports, direction, ...sourcesOf(evidence, all) },
    action: 'Allow',
    evidence,
  }));
}

function endpointOf(use: SocketUse, direction: Endpoint['direction']): Endpoint {
  return {
    protocol: endpointProtocolOf(use)!,
    direction,
    ports: use.port >= EPHEMERAL_LOW ? `${EPHEMERAL_LOW}-${PORT_MAX}` : String(use.port),
    // Clients may come from anywhere.
    cidr: direction === 'egress' ? blockOf(use.address) : undefined,
  };
}

function blockOf(address: readonly number[]): string | undefined {
  if (address.length === 0) return undefined;
  return `${addressText(address)}/${address.length * 8}`;
}

/** Omits the addresses if there are many at one port. */
function simplified(found: Gathered<Endpoint>): Gathered<Endpoint> {
  const addresses = new Map<string, number>();
  const placeOf = ({ protocol, direction, ports }: Endpoint) => `${protocol} ${direction} ${ports}`;
  for (const [endpoint] of found.entries) addresses.set(placeOf(endpoint), (addresses.get(placeOf(endpoint)) ?? 0) + 1);
  const result = new Gathered<Endpoint>();
  for (const [endpoint, evidence] of found.entries) {
    const isMany = addresses.get(placeOf(endpoint))! > ADDRESSES_MAX;
    result.join(isMany ? { ...endpoint, cidr: undefined } : endpoint, evidence);
  }
  return result;
}

function kindRules(uses: readonly Use[], all: ReadonlySet<string>): Draft[] {
  const found = new Gathered<{ readonly list: string; readonly head: object }>();
  for (const [access, use] of uses) {
    const protocol = NAMED.find((each) => isAnyOf(PROTOCOLS[each], use));
    const [family] = Object.entries(ADDRESS_FAMILIES).find(([, number]) => number === use.family) ?? [];
    if (protocol !== undefined) found.add({ list: 'matchProtocols', head: { protocol } }, access);
    else if (family !== undefined) found.add({ list: 'matchFamilies', head: { family } }, access);
  }
  return found.entries.map(([{ list, head }, evidence]) => ({
    section: 'network',
    list,
    entry: { ...head, ...sourcesOf(evidence, all) },
    action: 'Allow',
    evidence,
  }));
}
