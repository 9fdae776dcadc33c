import { parseAddressBlock } from './address.js';
import { BELOW } from './domain.js';
import type { Action, BoundRule, EndpointMatch, Match } from './model.js';
import { policyKey } from './model.js';
import { PORT_MAX, type Protocol, parsePorts } from './network.js';

const ACTION_RANK: Record<Action, number> = { Block: 0, Audit: 1, Allow: 2 };

/**
 * The total order in which rules that match the same access are asked; the first that has an effect decides.
 * A policy of a higher priority comes first. A rule with a source comes before one without (a rule whose source does not match is no candidate at all); then the
 * more specific match; then the stronger action. Names settle what is left, so the time of arrival never matters.
 */
export function compareRules(left: BoundRule, right: BoundRule): number {
  const a = left.rule;
  const b = right.rule;
  return (
    // What lets local sockets be comes after all that anybody has written.
    Number(isForLocal(a.match)) - Number(isForLocal(b.match)) ||
    (right.policy.priority ?? 0) - (left.policy.priority ?? 0) ||
    Number(b.sources.length > 0) - Number(a.sources.length > 0) ||
    kindRank(a.match) - kindRank(b.match) ||
    specificity(b.match) - specificity(a.match) ||
    ACTION_RANK[a.action] - ACTION_RANK[b.action] ||
    compareText(policyKey(left.policy), policyKey(right.policy)) ||
    compareText(a.id, b.id)
  );
}

/** Whether a match is what lets local sockets be, which no policy says itself. */
export function isForLocal(match: Match): boolean {
  return match.kind === 'family' && match.local === true;
}

/** Kinds from the most specific to the least. Only kinds of one class ever meet. */
function kindRank(match: Match): number {
  switch (match.kind) {
    case 'exact':
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'preset':
      return 0;
    case 'endpoint':
      return match.raw ? 5 : 0;
    // The one that is nobody's own rule gives way to whatever speaks of addresses and ports.
    case 'domain':
      return match.asking ? 1 : 0;
    case 'name':
    case 'pattern':
      return 1;
    case 'directory':
      return 2;
    case 'mount':
    case 'trace':
    case 'call':
      return match.target === undefined ? 3 : kindRank(match.target);
    case 'protocol':
      return protocolRank(match.protocol);
    case 'family':
      return 3;
  }
}

/** A transport protocol, then a type of socket in any family; `all` comes after everything. */
function protocolRank(protocol: Protocol): number {
  if (protocol === 'all') return 4;
  return TYPE_NAMES.has(protocol) ? 2 : 1;
}

const TYPE_NAMES: ReadonlySet<Protocol> = new Set(['raw', 'stream', 'dgram', 'rdm', 'seqpacket', 'packet']);

/**
 * Which of two matches of a kind says more. Of a path: the bytes before its first wildcard. Of an endpoint: the bits of
 * the address, then how few ports, then whether protocol and direction are named. A name says as much as a pattern that
 * starts with a wildcard. A domain stands for few addresses: it comes after every single one and before every block of
 * them; of two domains the longer one says more.
 */
export function specificity(match: Match): number {
  switch (match.kind) {
    case 'exact':
      return Buffer.byteLength(match.path);
    case 'directory':
      return Buffer.byteLength(match.directory);
    case 'pattern': {
      const literal = /^(?:\\.|[^\\*?[{])*/su.exec(match.pattern)![0];
      return Buffer.byteLength(literal.replace(/\\(.)/gsu, '$1'));
    }
    case 'endpoint':
      return match.raw ? 0 : endpointSpecificity(match);
    case 'domain':
      return match.asking ? 0 : domainSpecificity(match.domain);
    case 'mount':
      return (match.target === undefined ? 0 : specificity(match.target) * 4) + named(match.type, match.operation);
    case 'trace':
      return (match.target === undefined ? 0 : specificity(match.target) * 4) + named(undefined, match.operation);
    case 'call':
      return match.target === undefined ? 0 : specificity(match.target);
    case 'name':
    case 'protocol':
    case 'family':
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'preset':
      return 0;
  }
}

/** To say one thing more, and first the first, is to be more specific. */
function named(first: unknown, second: unknown): number {
  return Number(first !== undefined) * 2 + Number(second !== undefined);
}

function endpointSpecificity({ cidr, ports, protocol, direction }: EndpointMatch): number {
  const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
  // IPv4 addresses are the last 32 bits of the mapped ones.
  const bits = block === undefined || typeof block === 'string' ? 0 : block.bits + (16 - block.address.length) * 8;
  const range = ports === undefined ? undefined : parsePorts(ports);
  const portsLeftOut = range === undefined ? 0 : PORT_MAX - (range.high - range.low);
  return (bits * (PORT_MAX + 1) + portsLeftOut) * 4 + named(protocol, direction);
}

/** Of an endpoint that names one address and nothing else. */
const SINGLE_ADDRESS = 128 * (PORT_MAX + 1) * 4;
/** Twice the length of the longest domain, and more. */
const DOMAIN_STEPS = 512;

/** Between a single address and what comes next before it. The names below a domain are fewer than those with itself. */
function domainSpecificity(domain: string): number {
  const isBelow = domain.startsWith(BELOW);
  const length = domain.length - (isBelow ? BELOW.length : 0);
  return SINGLE_ADDRESS - 1 + (2 * length + Number(isBelow) + 1) / DOMAIN_STEPS;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
