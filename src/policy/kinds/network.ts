import * as disk from '../../disk-schema.js';
import { canonicalDomain } from '../domain.js';
import type { EndpointMatch, FamilyMatch, NetworkMatch, Rule } from '../model.js';
import {
  ADDRESS_FAMILIES,
  type AddressFamily,
  DIRECTIONS,
  ENDPOINT_PROTOCOLS,
  PROTOCOLS,
  type Protocol,
} from '../network.js';
import type { EndpointItem } from '../policy-document.js';
import { ruleMaker } from '../rule-maker.js';
import { checked, entries, mapping, oneOf, optional, traits } from '../schema-parts.js';
import { type MatchPart, NO_PLACE, ofOwnClass, type SectionPart } from './parts.js';

const OUTGOING = ['create', 'connect', 'send', 'take another way'];
const INCOMING = ['create', 'bind', 'listen', 'accept', 'send', 'receive'];
const SOCKETS = [...OUTGOING, ...INCOMING];
const NAMES = ['ask for a name', 'learn addresses of a name', 'connect', 'send', 'take another way'];

/** Sockets that are made, the addresses they are used towards, and names that are requested. */
export const networkSection: SectionPart = {
  schema: optional(
    mapping({
      ...traits,
      matchProtocols: entries({ protocol: checked('protocol') }, 'protocol'),
      matchFamilies: entries({ family: checked('family') }, 'family'),
      matchEndpoints: entries({
        protocol: oneOf(ENDPOINT_PROTOCOLS),
        cidr: optional(checked('addressBlock')),
        ports: optional({ type: ['string', 'integer'], check: 'ports' }),
        direction: oneOf(DIRECTIONS),
      }),
      matchDNSQueries: entries({ domain: checked('domain') }, 'domain'),
    }),
  ),
  read(spec) {
    const section = spec.network ?? {};
    const make = ruleMaker('network', section, spec);
    return [
      ...make('matchProtocols', section.matchProtocols, ({ protocol: written }) => ({
        kind: 'protocol',
        protocol: written.toLowerCase() as Protocol,
      })),
      ...make('matchFamilies', section.matchFamilies, ({ family: written }) => ({
        kind: 'family',
        family: written.toLowerCase() as AddressFamily,
      })),
      ...make('matchEndpoints', section.matchEndpoints, readEndpoint),
      ...make('matchDNSQueries', section.matchDNSQueries, ({ domain }) => ({
        kind: 'domain',
        domain: canonicalDomain(domain),
      })),
    ];
  },
  places: () => [],
  operations: (rule) => ofOwnClass(rule, operationsOf(rule.match as NetworkMatch, rule)),
};

function readEndpoint({ protocol: written, cidr, ports, direction }: EndpointItem): EndpointMatch {
  return {
    kind: 'endpoint',
    ...(written != null && { protocol: written }),
    ...(cidr != null && { cidr }),
    ...(ports != null && { ports: String(ports) }),
    ...(direction != null && { direction }),
  };
}

function operationsOf(match: NetworkMatch, { action }: Rule): readonly string[] | 'all' {
  switch (match.kind) {
    case 'protocol':
    case 'family':
      return SOCKETS;
    case 'endpoint':
      if (match.direction === undefined || action === 'Allow') return SOCKETS;
      return match.direction === 'egress' ? OUTGOING : INCOMING;
    case 'domain':
      return action === 'Allow' ? 'all' : NAMES;
  }
}

const TYPE_NAMES: ReadonlySet<Protocol> = new Set(['raw', 'stream', 'dgram', 'rdm', 'seqpacket', 'packet']);

export const protocol: MatchPart<Extract<NetworkMatch, { kind: 'protocol' }>> = {
  onDisk: disk.ofKind('protocol', { protocol: disk.oneOf(Object.keys(PROTOCOLS)) }),
  write: (match) => ({ list: 'matchProtocols', entry: { protocol: match.protocol } }),
  ...NO_PLACE,
  /** A transport protocol, then a type of socket in any family; `all` comes after everything. */
  rank(match) {
    if (match.protocol === 'all') return 4;
    return TYPE_NAMES.has(match.protocol) ? 2 : 1;
  },
  specificity: () => 0,
};

export const family: MatchPart<FamilyMatch> = {
  onDisk: disk.ofKind('family', { family: disk.oneOf(Object.keys(ADDRESS_FAMILIES)) }),
  write: (match) => ({ list: 'matchFamilies', entry: { family: match.family } }),
  ...NO_PLACE,
  rank: () => 3,
  specificity: () => 0,
};
