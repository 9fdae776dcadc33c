import * as disk from '../../disk-schema.js';
import { parseAddressBlock } from '../address.js';
import { BELOW } from '../domain.js';
import type { DomainMatch, EndpointMatch } from '../model.js';
import { DIRECTIONS, ENDPOINT_PROTOCOLS, PORT_MAX, parsePorts } from '../network.js';
import { type MatchPart, NO_PLACE } from './parts.js';
import { named } from './paths.js';

/** Endpoints and domains meet: a domain comes after every single address and before every block of them. */

export const endpoint: MatchPart<EndpointMatch> = {
  onDisk: disk.ofKind(
    'endpoint',
    {},
    {
      protocol: disk.oneOf(ENDPOINT_PROTOCOLS),
      cidr: disk.text,
      ports: disk.text,
      direction: disk.oneOf(DIRECTIONS),
    },
  ),
  write: ({ kind: _, ...entry }) => ({ list: 'matchEndpoints', entry }),
  ...NO_PLACE,
  rank: ({ raw }) => (raw ? 5 : 0),
  /** The bits of the address, then how few ports, then whether protocol and direction are named. */
  specificity({ cidr, ports, protocol, direction, raw }) {
    if (raw) return 0;
    const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
    // IPv4 addresses are the last 32 bits of the mapped ones.
    const bits = block === undefined || typeof block === 'string' ? 0 : block.bits + (16 - block.address.length) * 8;
    const range = ports === undefined ? undefined : parsePorts(ports);
    const portsLeftOut = range === undefined ? 0 : PORT_MAX - (range.high - range.low);
    return (bits * (PORT_MAX + 1) + portsLeftOut) * 4 + named(protocol, direction);
  },
};

/** Of an endpoint that names one address and nothing else. */
const SINGLE_ADDRESS = 128 * (PORT_MAX + 1) * 4;
/** Twice the length of the longest domain, and more. */
const DOMAIN_STEPS = 512;

export const domain: MatchPart<DomainMatch> = {
  onDisk: disk.ofKind('domain', { domain: disk.text }),
  write: (match) => ({ list: 'matchDNSQueries', entry: { domain: match.domain } }),
  ...NO_PLACE,
  // An implied rule gives way to any rule that covers addresses and ports.
  rank: ({ lookup }) => (lookup ? 1 : 0),
  /**
   * The longer one is more specific; so are the names below a domain alone, compared with those and the domain itself.
   */
  specificity({ domain: text, lookup }) {
    if (lookup) return 0;
    const isBelow = text.startsWith(BELOW);
    const length = text.length - (isBelow ? BELOW.length : 0);
    return SINGLE_ADDRESS - 1 + (2 * length + Number(isBelow) + 1) / DOMAIN_STEPS;
  },
};
