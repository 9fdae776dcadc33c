import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import { classifyProgram, decide } from '../../src/image/walk.js';
import { CAPABILITIES } from '../../src/policy/capability.js';
import type { BoundRule, EndpointMatch, Match, Policy, Rule } from '../../src/policy/model.js';
import { compareRules } from '../../src/policy/order.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { capabilityWord, type SocketUse, socketWord } from '../support/socket-word.js';

/** Every rule is asked in turn about what it says of sockets, in plain words and without a line from src/image. */
function matches(match: Match, action: Rule['action'], use: SocketUse): boolean {
  switch (match.kind) {
    case 'protocol':
      return isOfProtocol(match.protocol, use);
    case 'family':
      return { netlink: 16, inet: 2, unix: 1 }[match.family as 'netlink' | 'inet' | 'unix'] === use.family;
    case 'endpoint':
      return matchesEndpoint(match, action, use);
    default:
      throw new RangeError(match.kind);
  }
}

function isOfProtocol(name: string, { family, type, protocol }: SocketUse): boolean {
  const internet = family === 2 || family === 10;
  switch (name) {
    case 'tcp':
      return (internet && type === 1 && [0, 6, 262].includes(protocol)) || (family === 43 && type === 1);
    case 'udp':
      return internet && type === 2 && [0, 17, 136].includes(protocol);
    case 'icmp':
      return family === 2 && (type === 2 || type === 3) && protocol === 1;
    case 'raw':
      return type === 3 && (internet || family === 17);
    case 'stream':
      return type === 1;
    case 'all':
      return true;
    default:
      throw new RangeError(name);
  }
}

function matchesEndpoint(match: EndpointMatch, action: Rule['action'], use: SocketUse): boolean {
  const isInternet = [2, 10, 43].includes(use.family);
  if (match.protocol === undefined ? !isInternet : !isOfProtocol(match.protocol, use)) return false;
  if (use.direction === 'none') return action === 'Allow';
  if (match.direction !== undefined && match.direction !== use.direction) return false;
  const [low = '0', high = low] = match.ports?.split('-') ?? ['0', '65535'];
  if (use.port < Number(low) || use.port > Number(high)) return false;
  if (match.cidr === undefined) return true;
  if (use.address.length === 0) return action === 'Allow';
  const [network = '', bits = ''] = match.cidr.split('/');
  const expected = network.includes(':') ? [0xfd, ...new Array<number>(15).fill(0)] : network.split('.').map(Number);
  if (expected.length !== use.address.length) return false;
  const binary = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return binary(use.address).startsWith(binary(expected).slice(0, Number(bits)));
}

const port = fc.oneof(fc.constantFrom(0, 80, 443, 4096, 65535), fc.integer({ min: 0, max: 65535 }));
const ports = fc.tuple(port, port).map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}-${Math.max(a, b)}`));
const cidr = fc.oneof(
  fc
    .tuple(fc.constantFrom('10.0.0.0', '10.1.0.0', '0.0.0.0'), fc.constantFrom(16, 17, 30, 32))
    .map((parts) => parts.join('/')),
  fc.constantFrom('10.0.0.0/8', '0.0.0.0/0', '10.1.128.0/17', 'fd00::/8', 'fd00::/9', 'fd00::/128'),
);
const match: fc.Arbitrary<Match> = fc.oneof(
  fc.record({
    kind: fc.constant('protocol' as const),
    protocol: fc.constantFrom(
      'tcp' as const,
      'udp' as const,
      'icmp' as const,
      'raw' as const,
      'stream' as const,
      'all' as const,
    ),
  }),
  fc.record({
    kind: fc.constant('family' as const),
    family: fc.constantFrom('netlink' as const, 'inet' as const, 'unix' as const),
  }),
  fc.record(
    {
      kind: fc.constant('endpoint' as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      cidr,
      ports,
      direction: fc.constantFrom('egress' as const, 'ingress' as const),
    },
    { requiredKeys: ['kind'] },
  ),
);
const action = fc.constantFrom('Allow' as const, 'Audit' as const, 'Block' as const);
const sources = fc.constantFrom<string[]>([], ['/bin/curl'], ['/bin/nc', '/bin/curl']);
const ruleSet = fc
  .array(fc.record({ match, action, sources }), { minLength: 1, maxLength: 6 })
  .map((made) =>
    resolveRules(made.map(bind), { process: 'audit', file: 'audit', network: 'block', capabilities: 'audit' }),
  );

function bind(
  { match: made, action: does, sources: from }: Pick<Rule, 'match' | 'action' | 'sources'>,
  index: number,
): BoundRule {
  const rule: Rule = {
    id: `network[${index}]`,
    class: made.kind === 'capability' ? 'capabilities' : 'network',
    match: made,
    sources: from,
    action: does,
    readOnly: false,
    ownerOnly: false,
    severity: 1,
    tags: [],
    message: '',
  };
  const policy: Policy = { name: 'random', namespace: 'default', matchLabels: {}, rules: [rule] };
  return { policy, rule };
}

const use: fc.Arbitrary<SocketUse> = fc.record({
  family: fc.constantFrom(1, 2, 2, 10, 10, 16, 17, 43),
  type: fc.constantFrom(1, 1, 2, 3),
  protocol: fc.constantFrom(0, 1, 6, 17, 262),
  direction: fc.constantFrom('none' as const, 'egress' as const, 'egress' as const, 'ingress' as const),
  port,
  address: fc.oneof(
    fc.constant<number[]>([]),
    fc.tuple(fc.constantFrom(10, 11, 0), fc.constantFrom(0, 1), fc.constantFrom(0, 127, 128), fc.nat(255)),
    fc
      .tuple(fc.constantFrom(0xfd, 0xfe, 0), fc.constantFrom(0, 0x7f, 0x80))
      .map((head) => [...head, ...new Array<number>(14).fill(0)]),
  ),
});

test('an image decides every use of a socket as its rules do when they are asked one by one', () => {
  const property = fc.property(
    ruleSet,
    fc.constantFrom(undefined, '/bin/curl', '/bin/nc'),
    fc.array(use, { minLength: 20, maxLength: 20 }),
    (set, program, uses) => {
      const { words, rules } = compileImage(set);
      const acts = (named: readonly string[]) =>
        named.length === 0 || (program !== undefined && named.includes(program));
      for (const made of uses) {
        const word = socketWord(made.direction === 'none' ? { ...made, port: 0, address: [] } : made);
        const expected = [...set.rules]
          .sort(compareRules)
          .find(({ rule }) => acts(rule.sources) && matches(rule.match, rule.action, made));
        const programClass = program === undefined ? 0 : classifyProgram(words, Buffer.from(program));
        const decided = decide(words, word, programClass, 'communicate', 'owner');
        const posture = set.postures.network;
        const otherwise = posture === undefined ? 'Allow' : posture === 'audit' ? 'Audit' : 'Block';
        assert.equal(decided.action, expected?.rule.action ?? otherwise);
        const deciding = decided.rule === undefined ? undefined : rules[decided.rule];
        if (expected !== undefined)
          assert.equal(
            deciding,
            set.rules.find((bound) => bound === expected),
          );
      }
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

test('a capability is decided by its number, any other by the posture', () => {
  const property = fc.property(
    fc.constantFrom(...CAPABILITIES),
    action,
    fc.nat(CAPABILITIES.length - 1),
    (named, does, used) => {
      const bound = bind({ match: { kind: 'capability', capability: named }, action: does, sources: [] }, 0);
      const set = resolveRules([bound], { process: 'audit', file: 'audit', network: 'audit', capabilities: 'block' });
      const { words } = compileImage(set);
      const otherwise = does === 'Allow' ? 'Block' : 'Allow';
      const expected = CAPABILITIES[used] === named ? does : otherwise;
      assert.equal(decide(words, capabilityWord(used), 0, 'use', 'other').action, expected);
    },
  );
  fc.assert(property);
});
