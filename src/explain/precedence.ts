import { parseAddressBlock } from '../policy/address.js';
import type { BoundRule, EndpointMatch, Match } from '../policy/model.js';
import { policyKey } from '../policy/model.js';
import { parsePorts } from '../policy/network.js';
import { literalStartOf } from './glob.js';

/** Why one rule is asked before another that speaks of the same access. */
export interface Advantage {
  /** Negative when the first comes before the second. */
  readonly sign: number;
  /** For people: what the one that comes first has. */
  readonly reason: string;
}

/**
 * The total order of rules, read off its description and not off src/policy/order.ts, against which it is tested: tier by
 * tier, the first that differs decides.
 */
export function comparePrecedence(first: BoundRule, second: BoundRule): Advantage {
  for (const tier of TIERS) {
    const sign = tier.compare(first, second);
    if (sign !== 0) return { sign, reason: tier.reason };
  }
  return { sign: 0, reason: 'it is the same rule' };
}

const TIERS: readonly { readonly reason: string; readonly compare: (a: BoundRule, b: BoundRule) => number }[] = [
  {
    reason: 'its policy has the higher priority',
    compare: (a, b) => (b.policy.priority ?? 0) - (a.policy.priority ?? 0),
  },
  {
    reason: 'it names the acting program',
    compare: (a, b) => Math.sign(b.rule.sources.length) - Math.sign(a.rule.sources.length),
  },
  {
    reason: 'it is of the more specific kind',
    compare: (a, b) => KIND_ORDER.indexOf(kindOf(a.rule.match)) - KIND_ORDER.indexOf(kindOf(b.rule.match)),
  },
  {
    reason: 'what it names is more specific',
    compare: (a, b) => compareNumbers(detailOf(b.rule.match), detailOf(a.rule.match)),
  },
  {
    reason: 'its action is the stronger one',
    compare: (a, b) => ACTION_ORDER.indexOf(a.rule.action) - ACTION_ORDER.indexOf(b.rule.action),
  },
  {
    reason: 'its name comes first, as nothing else tells the two apart',
    compare: (a, b) => {
      const [left, right] = [
        [policyKey(a.policy), a.rule.id],
        [policyKey(b.policy), b.rule.id],
      ] as const;
      const at = left[0] === right[0] ? 1 : 0;
      return left[at] < right[at] ? -1 : Number(left[at] > right[at]);
    },
  },
];

const ACTION_ORDER = ['Block', 'Audit', 'Allow'] as const;

/** From the most specific. Kinds that never meet may stand anywhere. */
const KIND_ORDER = [
  'one thing',
  'pattern',
  'transport protocol',
  'directory',
  'socket type',
  'any place',
  'family',
  'all protocols',
  'sockets that no rule names',
] as const;
const SOCKET_TYPES = ['raw', 'stream', 'dgram', 'rdm', 'seqpacket', 'packet'];

function kindOf(match: Match): (typeof KIND_ORDER)[number] {
  switch (match.kind) {
    case 'name':
    case 'pattern':
      return 'pattern';
    case 'directory':
    case 'family':
      return match.kind;
    case 'mount':
    case 'trace':
    case 'call':
      return match.target === undefined ? 'any place' : kindOf(match.target);
    case 'protocol':
      if (match.protocol === 'all') return 'all protocols';
      return SOCKET_TYPES.includes(match.protocol) ? 'socket type' : 'transport protocol';
    case 'endpoint':
      return match.raw ? 'sockets that no rule names' : 'one thing';
    case 'domain':
      return match.asking ? 'transport protocol' : 'one thing';
    case 'exact':
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'preset':
      return 'one thing';
  }
}

/** How much a match says, the weightiest first; longer is more specific. */
function detailOf(match: Match): readonly number[] {
  switch (match.kind) {
    case 'exact':
      return [Buffer.byteLength(match.path)];
    case 'directory':
      return [Buffer.byteLength(match.directory)];
    case 'pattern':
      return [Buffer.byteLength(literalStartOf(match.pattern))];
    case 'endpoint':
      return match.raw ? [] : endpointDetail(match);
    case 'domain':
      return match.asking ? [] : [WHOLE_ADDRESS - 0.5, ...domainDetail(match.domain)];
    case 'mount':
      return [...(match.target === undefined ? [0] : detailOf(match.target)), has(match.type), has(match.operation)];
    case 'trace':
      return [...(match.target === undefined ? [0] : detailOf(match.target)), 0, has(match.operation)];
    case 'call':
      return match.target === undefined ? [] : detailOf(match.target);
    case 'name':
    case 'protocol':
    case 'family':
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'preset':
      return [];
  }
}

function endpointDetail({ cidr, ports, protocol, direction }: EndpointMatch): readonly number[] {
  const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
  const bits = typeof block === 'object' ? block.bits + (block.address.length === 4 ? 96 : 0) : 0;
  const range = ports === undefined ? undefined : parsePorts(ports);
  return [bits, range === undefined ? 0 : 65_535 - (range.high - range.low), has(protocol), has(direction)];
}

const WHOLE_ADDRESS = 128;

/** The longer name, and of two that are as long the one that leaves out itself. */
function domainDetail(domain: string): readonly number[] {
  const isBelow = domain.startsWith('*.');
  return isBelow ? [domain.length - 2, 1] : [domain.length, 0];
}

function has(value: unknown): number {
  return value === undefined ? 0 : 1;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
