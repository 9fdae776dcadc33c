import fc from 'fast-check';
import type { Access, AccessObject } from '../../src/explain/access.js';
import { CLASS_OF_OPERATION, OPERATIONS, type Operation, PATH_OPERATIONS } from '../../src/policy/effect.js';
import {
  type BoundRule,
  FILE_OPERATIONS,
  type Match,
  MOUNT_OPERATIONS,
  type Policy,
  type Postures,
  PRESETS,
  type Rule,
  type RuleClass,
  TRACE_OPERATIONS,
} from '../../src/policy/model.js';
import { BEHAVIOURS_KNOWN, CALLS_KNOWN } from '../support/object-key.js';
import { anyPath, pathMatch, resembling } from './random-paths.js';

/** Random policies with every kind of rule, and accesses, many of which they cover. */
export interface Decisions {
  readonly bound: readonly BoundRule[];
  readonly postures: Postures;
  readonly accesses: readonly Access[];
}

const SLASH = 0x2f;
const PROGRAMS = ['/a', '/b', '/a/b', '/é', '/aa', '/a/b/c'];
const SOURCES = [...PROGRAMS, '/a/', '/a/**', '/**', '/b/'];
const ARGUMENTS = ['', '-m', 'random', '€'];
const FILESYSTEMS = ['proc', 'tmpfs', 'ext4'];
const CAPABILITIES = ['chown', 'net_raw', 'bpf'] as const;
const ACTIONS = ['Allow', 'Audit', 'Block'] as const;

const port = fc.oneof(fc.constantFrom(0, 53, 80, 443, 4096, 65535), fc.integer({ min: 0, max: 65535 }));
const ports = fc.tuple(port, port).map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}-${Math.max(a, b)}`));
const cidr = fc.constantFrom(
  '10.0.0.0/16',
  '10.1.0.0/30',
  '10.0.0.0/8',
  '0.0.0.0/0',
  'fd00::/8',
  'fd00::/9',
  '10.1.128.0/17',
  '10.1.0.1/32',
);

const DOMAINS = ['com', 'example.com', '*.example.com', 'www.example.com', '*.www.example.com', 'other.org'];
const NAMES = ['com', 'example.com', 'www.example.com', 'a.www.example.com', 'badexample.com', 'b.example.com', 'org'];

const networkMatch: fc.Arbitrary<Match> = fc.oneof(
  fc.record({
    kind: fc.constant('protocol' as const),
    protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'raw', 'stream', 'sctp', 'packet', 'all'),
  }),
  fc.record({ kind: fc.constant('domain' as const), domain: fc.constantFrom(...DOMAINS) }),
  fc.record({ kind: fc.constant('family' as const), family: fc.constantFrom('netlink', 'inet', 'unix') }),
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

const matches: Readonly<Record<RuleClass, fc.Arbitrary<Match>>> = {
  process: fc.oneof(
    { arbitrary: pathMatch, weight: 5 },
    { arbitrary: fc.constantFrom('a', 'b', 'é').map((name) => ({ kind: 'name' as const, name })), weight: 1 },
  ),
  file: pathMatch,
  network: networkMatch,
  capabilities: fc.constantFrom(...CAPABILITIES).map((capability) => ({ kind: 'capability' as const, capability })),
  filesystems: fc.constantFrom(...FILESYSTEMS).map((type) => ({ kind: 'filesystem' as const, type })),
  mounts: fc.record(
    {
      kind: fc.constant('mount' as const),
      target: pathMatch,
      type: fc.constantFrom(...FILESYSTEMS),
      operation: fc.constantFrom(...MOUNT_OPERATIONS),
    },
    { requiredKeys: ['kind'] },
  ),
  ptrace: fc.record(
    { kind: fc.constant('trace' as const), target: pathMatch, operation: fc.constantFrom(...TRACE_OPERATIONS) },
    { requiredKeys: ['kind'] },
  ),
  namespaces: fc.constant({ kind: 'namespace', namespace: 'user' }),
  presets: fc.oneof(
    fc.constantFrom(...PRESETS).map((preset) => ({ kind: 'preset' as const, preset })),
    fc
      .array(pathMatch, { minLength: 1, maxLength: 3 })
      .map((except) => ({ kind: 'preset' as const, preset: 'drift' as const, except })),
  ),
  syscalls: fc.record(
    {
      kind: fc.constant('call' as const),
      calls: fc.subarray(CALLS_KNOWN, { minLength: 1 }),
      target: pathMatch.filter((match) => match.kind !== 'pattern'),
    },
    { requiredKeys: ['kind', 'calls'] },
  ),
};
/** Classes with paths have most kinds of rules, so they are the most frequent. */
const CLASS_WEIGHTS: Readonly<Record<RuleClass, number>> = {
  process: 5,
  file: 8,
  network: 3,
  capabilities: 1,
  filesystems: 1,
  mounts: 2,
  ptrace: 2,
  namespaces: 1,
  presets: 2,
  syscalls: 2,
};
const classes = Object.keys(matches) as RuleClass[];

const traits = fc.record({
  sources: fc.oneof({ arbitrary: fc.constant([]), weight: 2 }, { arbitrary: fc.subarray(SOURCES), weight: 1 }),
  action: fc.constantFrom(...ACTIONS),
  flags: fc.constantFrom(
    'none',
    'none',
    'none',
    'readOnly',
    'ownerOnly',
    'both',
    'terminal',
    'operations',
    'arguments',
  ),
  operations: fc.subarray([...FILE_OPERATIONS], { minLength: 1 }),
  allowed: fc.subarray(ARGUMENTS),
});

function randomRule(ruleClass: RuleClass): fc.Arbitrary<Omit<Rule, 'id'>> {
  return fc.tuple(matches[ruleClass], traits).map(([match, { sources, action, flags, operations, allowed }]) => {
    const isPath = ruleClass === 'process' || ruleClass === 'file';
    return {
      class: ruleClass,
      match,
      sources,
      action,
      readOnly: ruleClass === 'file' && (flags === 'readOnly' || flags === 'both'),
      ownerOnly: isPath && (flags === 'ownerOnly' || flags === 'both'),
      ...(isPath && flags === 'terminal' && { terminal: true }),
      ...(ruleClass === 'file' && flags === 'operations' && { operations }),
      ...(ruleClass === 'process' && flags === 'arguments' && { arguments: allowed }),
      severity: 5,
      tags: [],
      message: '',
    };
  });
}

const anyRule = fc.oneof(...classes.map((each) => ({ arbitrary: randomRule(each), weight: CLASS_WEIGHTS[each] })));

/** Rules of a single class conflict more often than rules of all classes. */
const rules = fc.oneof(
  fc.array(anyRule, { maxLength: 10 }),
  fc.constantFrom(...classes).chain((each) => fc.array(randomRule(each), { minLength: 1, maxLength: 6 })),
);

const policies: fc.Arbitrary<BoundRule[]> = fc
  .array(
    fc.record({
      rules,
      priority: fc.constantFrom(0, 0, 0, 1, -1),
      mode: fc.constantFrom(undefined, undefined, 'audit' as const),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((made) =>
    made.flatMap(({ rules: of, priority, mode }, number) => {
      const identified = of.map((rule, index): Rule => ({ ...rule, id: `rules[${index}]` }));
      const policy: Policy = {
        name: `policy-${number}`,
        namespace: 'default',
        matchLabels: {},
        ...(priority !== 0 && { priority }),
        ...(mode !== undefined && { mode }),
        rules: identified,
      };
      return identified.map((rule) => ({ policy, rule }));
    }),
  );

const posture = fc.constantFrom('audit' as const, 'block' as const);
const postures = fc.record({ process: posture, file: posture, network: posture, capabilities: posture });

const socket: fc.Arbitrary<AccessObject> = fc
  .record({
    kind: fc.constant('socket' as const),
    family: fc.constantFrom(1, 2, 2, 10, 10, 16, 17, 43),
    type: fc.constantFrom(1, 1, 2, 3),
    protocol: fc.constantFrom(0, 1, 6, 17, 132, 262),
    direction: fc.constantFrom('none' as const, 'egress' as const, 'egress' as const, 'ingress' as const),
    port,
    address: fc.oneof(
      fc.constant<number[]>([]),
      fc.tuple(fc.constantFrom(10, 11, 0), fc.constantFrom(0, 1), fc.constantFrom(0, 127, 128), fc.nat(255)),
      fc
        .tuple(fc.constantFrom(0xfd, 0xfe, 0), fc.constantFrom(0, 0x7f, 0x80))
        .map((start) => [...start, ...new Array<number>(14).fill(0)]),
    ),
    name: fc.constantFrom(undefined, ...NAMES),
  })
  .map(({ name, ...use }) => {
    if (use.direction === 'none') return { ...use, port: 0, address: [] };
    const isNamed = name !== undefined && use.direction === 'egress' && use.address.length > 0;
    return isNamed ? { ...use, name } : use;
  });

/** Objects of the right kind for an operation; paths resemble those in the rules. */
function objects(operation: Operation, path: fc.Arbitrary<Buffer>): fc.Arbitrary<AccessObject> {
  if (operation === 'resolve') return fc.constantFrom(...NAMES).map((name) => ({ kind: 'query', name }));
  const ruleClass = CLASS_OF_OPERATION[operation];
  switch (ruleClass) {
    case 'process':
    case 'file':
      return path.map((bytes) => ({ kind: 'path', path: bytes }));
    case 'network':
      return socket;
    case 'capabilities':
      return fc.constantFrom(...CAPABILITIES, 'kill').map((capability) => ({ kind: 'capability', capability }));
    case 'filesystems':
      return fc.record({
        kind: fc.constant('filesystem' as const),
        type: fc.constantFrom(...FILESYSTEMS, 'xfs'),
        path,
      });
    case 'mounts':
      return fc.record({
        kind: fc.constant('mount' as const),
        operation: fc.constantFrom(...MOUNT_OPERATIONS),
        type: fc.constantFrom('', ...FILESYSTEMS),
        path,
      });
    case 'ptrace':
      return fc.record({
        kind: fc.constant('trace' as const),
        operation: fc.constantFrom(...TRACE_OPERATIONS),
        path: fc.oneof({ arbitrary: path, weight: 5 }, { arbitrary: fc.constant(Buffer.alloc(0)), weight: 1 }),
      });
    case 'namespaces':
      return fc.constant({ kind: 'namespace' });
    case 'syscalls':
      return fc.record(
        { kind: fc.constant('call' as const), call: fc.constantFrom(...CALLS_KNOWN), path },
        { requiredKeys: ['kind', 'call'] },
      );
    case 'presets':
      return fc.oneof(
        fc.constantFrom(...BEHAVIOURS_KNOWN).map((names) => ({
          kind: 'behaviour' as const,
          presets: PRESETS.filter((preset) => names.split(',').includes(preset)),
        })),
        path.map((at) => ({ kind: 'behaviour' as const, presets: ['drift' as const], path: at })),
      );
  }
}

const anyProgram = fc.constantFrom(...PROGRAMS, '/unnamed', '/a/x').map((program) => Buffer.from(program));

function accessesTo(bound: readonly BoundRule[], count: number): fc.Arbitrary<Access[]> {
  const named = bound.flatMap(({ rule: { match } }) => {
    if (match.kind === 'exact' || match.kind === 'directory' || match.kind === 'pattern') return [resembling(match)];
    if (match.kind === 'name') return [fc.constantFrom('/', '/a/', '/b').map((at) => Buffer.from(at + match.name))];
    if (match.kind === 'preset') return (match.except ?? []).map(resembling);
    return 'target' in match && match.target !== undefined ? [resembling(match.target)] : [];
  });
  const path = fc
    .tuple(fc.oneof(anyPath, ...named), fc.constantFrom('', '', '/'))
    .map(([stem, end]) => Buffer.concat([stem, Buffer.from(end)]))
    // A pattern without its wildcards may not start with a slash, as every path must.
    .map((bytes) => (bytes[0] === SLASH ? bytes : Buffer.concat([Buffer.from([SLASH]), bytes])));
  // Half of the accesses are of a class for which there is a rule.
  const classesWithRules = new Set<RuleClass>(bound.map(({ rule }) => rule.class));
  const likely = OPERATIONS.filter((operation) => classesWithRules.has(CLASS_OF_OPERATION[operation]));
  const operation = fc.constantFrom<Operation>(...OPERATIONS, ...PATH_OPERATIONS, ...likely, ...likely, ...likely);
  const access = operation.chain((each) =>
    fc.record({
      operation: fc.constant(each),
      object: objects(each, path),
      program: anyProgram,
      parent: fc.oneof(anyProgram, fc.constant(Buffer.alloc(0))),
      ownership: fc.constantFrom('owner' as const, 'other' as const),
      terminal: fc.boolean(),
      arguments: fc
        .array(fc.constantFrom(...ARGUMENTS, 'other'), { maxLength: 3 })
        .map((given) => given.map((argument) => Buffer.from(argument))),
    }),
  );
  return fc.array(access, { minLength: count, maxLength: count });
}

/** @param count how many accesses to each set of policies */
export function randomDecisions(count: number): fc.Arbitrary<Decisions> {
  return policies.chain((bound) =>
    fc.record({ bound: fc.constant(bound), postures, accesses: accessesTo(bound, count) }),
  );
}
