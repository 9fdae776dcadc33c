import { ADDRESS_FAMILIES, isAnyOf, PROTOCOLS, type SocketSet, type SocketUse } from '../../policy/network.js';
import { NO_PATH, type OfKind, type ReadingPart } from './part.js';

const SOCKET_TYPES = ['raw', 'stream', 'dgram', 'rdm', 'seqpacket', 'packet'];

export const protocol: ReadingPart<OfKind<'protocol'>> = {
  ...NO_PATH,
  covers: (match, object) => object.kind === 'socket' && isAnyOf(PROTOCOLS[match.protocol], object),
  examples: (match) => PROTOCOLS[match.protocol].map((set) => socketOf(set)),
  kind(match) {
    if (match.protocol === 'all') return 'all protocols';
    return SOCKET_TYPES.includes(match.protocol) ? 'socket type' : 'transport protocol';
  },
  detail: () => [],
};

export const family: ReadingPart<OfKind<'family'>> = {
  ...NO_PATH,
  covers: (match, object) => object.kind === 'socket' && object.family === ADDRESS_FAMILIES[match.family],
  examples: (match) => [socketOf({ families: [ADDRESS_FAMILIES[match.family]] })],
  kind: () => 'family',
  detail: () => [],
};

/** One of a set, as it is made. */
export function socketOf({ families, types, protocols }: SocketSet): { kind: 'socket' } & SocketUse {
  const [family = ADDRESS_FAMILIES.inet, type = 1, protocol = 0] = [families?.[0], types?.[0], protocols?.[0]];
  return { kind: 'socket', family, type, protocol, direction: 'none', port: 0, address: [] };
}
