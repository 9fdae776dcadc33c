import { parseAddressBlock } from '../../policy/address.js';
import { BELOW } from '../../policy/domain.js';
import type { Action, DomainMatch, EndpointMatch, FamilyMatch, Match } from '../../policy/model.js';
import {
  ADDRESS_FAMILIES,
  type AddressBlock,
  ANY_ENDPOINT,
  DIRECTIONS,
  PORT_MAX,
  type PortRange,
  PROTOCOLS,
  parsePorts,
  RAW_SOCKETS,
  type SocketSet,
} from '../../policy/network.js';
import { anyDigits, digitRanges, digits, oneDigit } from '../key-digits.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';
import { type MatchPart, NOTHING_GUARDED, type OfKind } from './part.js';
import { ADDRESS_DIGITS, addressKindDigit, directionDigit, QUERY, SOCKET } from './sockets.js';

/** What rules about sockets and names cover. Their object keys: see sockets.ts. */

const DOT = Buffer.from('.');
const QUESTION_PORT = 53;
const DNS_SOCKETS: readonly SocketSet[] = [...PROTOCOLS.tcp, ...PROTOCOLS.udp];

export const protocol: MatchPart<OfKind<'protocol'>> = {
  add: (automaton, match, mark) => addAnyUse(automaton, PROTOCOLS[match.protocol], mark),
  ...NOTHING_GUARDED,
};

export const family: MatchPart<FamilyMatch> = {
  add: (automaton, match, mark) => addAnyUse(automaton, [{ families: [ADDRESS_FAMILIES[match.family]] }], mark),
  ...NOTHING_GUARDED,
};

export const endpoint: MatchPart<EndpointMatch> = {
  add(automaton, match, mark, action) {
    if (match.raw) {
      addAnyUse(automaton, RAW_SOCKETS, mark);
      return;
    }
    const sets = match.protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[match.protocol];
    for (const from of socketsOf(automaton, sets)) addEndpoint(automaton, from, match, action, mark);
  },
  ...NOTHING_GUARDED,
};

/** What is sent to an address of a name, and what is needed before an address is known. */
export const domain: MatchPart<DomainMatch> = {
  add(automaton, match, mark) {
    for (const from of socketsOf(automaton, match.lookup ? DNS_SOCKETS : ANY_ENDPOINT)) {
      const egress = automaton.literal(from, Buffer.from(directionDigit('egress')));
      if (match.lookup) {
        automaton.markAll(automaton.literal(from, Buffer.from(directionDigit('none'))), mark);
        automaton.markAll(automaton.literal(egress, Buffer.from(digits(QUESTION_PORT, 4))), mark);
      } else {
        addNames(automaton, anyDigits(automaton, egress, 4 + 1 + ADDRESS_DIGITS), match, mark);
      }
    }
  },
  ...NOTHING_GUARDED,
};

/** Adds questions for the names of a domain, if the match is one. */
export function addQuestions(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  if (match.kind !== 'domain' || match.lookup) return;
  addNames(automaton, automaton.literal(automaton.start, Buffer.from(QUERY)), match, mark);
}

function addAnyUse(automaton: NondeterministicAutomaton, sets: readonly SocketSet[], mark: number): void {
  for (const from of socketsOf(automaton, sets)) automaton.markAll(from, mark);
}

/** The nodes that object keys of these sockets have reached before their direction. */
function socketsOf(automaton: NondeterministicAutomaton, sets: readonly SocketSet[]): ReadonlySet<number> {
  return new Set(sets.flatMap((set) => addSockets(automaton, set)));
}

function addSockets(automaton: NondeterministicAutomaton, { families, types, protocols }: SocketSet): number[] {
  let nodes = [automaton.literal(automaton.start, Buffer.from(SOCKET))];
  for (const [values, count] of [
    [families, 2],
    [types, 1],
    [protocols, 4],
  ] as const) {
    nodes = nodes.flatMap((node) =>
      values === undefined
        ? [anyDigits(automaton, node, count)]
        : values.map((value) => automaton.literal(node, Buffer.from(digits(value, count)))),
    );
  }
  return nodes;
}

/**
 * An endpoint. What is allowed must also be able to reach its address: an Allow rule allows making the socket, and
 * binding and listening on the port, before the other end is known.
 */
function addEndpoint(
  automaton: NondeterministicAutomaton,
  from: number,
  { cidr, ports, direction }: EndpointMatch,
  action: Action,
  mark: number,
): void {
  const block = cidr === undefined ? undefined : (parseAddressBlock(cidr) as AddressBlock);
  const range = ports === undefined ? { low: 0, high: PORT_MAX } : parsePorts(ports)!;
  const allow = (node: number, then: string) => {
    if (action === 'Allow') automaton.markAll(automaton.literal(node, Buffer.from(then)), mark);
  };
  allow(from, directionDigit('none'));
  for (const each of direction === undefined ? DIRECTIONS : [direction]) {
    const start = automaton.literal(from, Buffer.from(directionDigit(each)));
    for (const end of addPorts(automaton, start, range)) {
      if (block === undefined) {
        automaton.markAll(end, mark);
        continue;
      }
      automaton.markAll(addBlock(automaton, end, block), mark);
      allow(end, addressKindDigit(0));
    }
  }
}

function addNames(automaton: NondeterministicAutomaton, from: number, { domain }: DomainMatch, mark: number): void {
  const isBelow = domain.startsWith(BELOW);
  const parts = (isBelow ? domain.slice(BELOW.length) : domain).split('.').reverse();
  const end = automaton.literal(from, Buffer.from(parts.map((part) => `.${part}`).join('')));
  if (!isBelow) automaton.addMark(end, mark);
  automaton.markAll(automaton.literal(end, DOT), mark);
}

function addPorts(automaton: NondeterministicAutomaton, from: number, range: PortRange): number[] {
  return digitRanges(range.low, range.high, 4).map((sequence) =>
    sequence.reduce((node, digit) => oneDigit(automaton, node, digit), from),
  );
}

function addBlock(automaton: NondeterministicAutomaton, from: number, { address, bits }: AddressBlock): number {
  const kind = addressKindDigit(address.length);
  const whole = Array.from(address, (byte) => digits(byte, 2)).join('');
  const node = automaton.literal(from, Buffer.from(kind + whole.slice(0, bits >> 2)));
  if (bits % 4 === 0) return node;
  const low = whole.charCodeAt(bits >> 2);
  return oneDigit(automaton, node, { low, high: low + (0xf >> (bits % 4)) });
}
