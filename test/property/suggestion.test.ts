import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import type { ReportedObject } from '../../src/image/reported-object.js';
import type { Postures } from '../../src/policy/model.js';
import type { SocketUse } from '../../src/policy/network.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { Judge } from '../../src/profile/judge.js';
import type { ObservedAccess } from '../../src/profile/observed-access.js';
import { suggestPolicy } from '../../src/profile/suggest.js';
import { decisionRuns } from './runs.js';

const BLOCK: Postures = { process: 'block', file: 'block', network: 'block', capabilities: 'block' };
const ACCESSES = 60;

const name = fc.oneof(
  fc.constantFrom('usr', 'lib', 'etc', 'var', 'proc', 'data', 'tmp', 'dev', 'libc.so.6', 'a*b', 'x{y,z}', '[q]', 'é'),
  fc.constantFrom('12', '16384', '16385_fsm', 'file1', 'file2', 'file3', 'tmp.aB3dE9', '00000001000000000000000A'),
  fc.constantFrom('b', 'c', '\\', 'bad\u0007name', '?'),
);
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `/${names.join('/')}`);
const directory = fc
  .oneof(
    path,
    path,
    path,
    fc.constant(''),
    path.map((each) => `${each}/`),
  )
  .map((each) => each || '/');
const program = fc.oneof(fc.constantFrom('/usr/bin/a', '/bin/b', '/opt/c', '/tmp/tmp.aB3dE9'), path);
const common = {
  ownership: fc.constantFrom('owner' as const, 'other' as const),
  terminal: fc.boolean(),
  count: fc.integer({ min: 1, max: 9 }),
};
const FILE_SETS = [
  ['read'],
  ['write'],
  ['read', 'write'],
  ['create'],
  ['delete'],
  ['rename'],
  ['link'],
  ['attributes'],
];

const address = fc.oneof(
  fc.constant([]),
  fc.tuple(fc.constant(10), fc.nat(3), fc.nat(9), fc.nat(255)),
  fc.constantFrom([...new Array(15).fill(0), 1], [0xfd, ...new Array(15).fill(0)]),
);
const socket = fc.record({
  family: fc.constantFrom(1, 2, 10, 16, 17),
  type: fc.constantFrom(1, 2, 3),
  protocol: fc.constantFrom(0, 1, 6, 17, 58),
  direction: fc.constantFrom('none' as const, 'egress' as const, 'ingress' as const),
  port: fc.constantFrom(0, 53, 80, 443, 40_000, 65_000),
  address,
});

/** As the kernel reports it: only internet sockets have endpoints, and only with a direction. */
function socketObject(use: SocketUse): ReportedObject {
  const hasEnds = (use.family === 2 || use.family === 10) && use.direction !== 'none';
  return { kind: 'socket', ...use, ...(!hasEnds && { direction: 'none', port: 0, address: [] }) };
}

const pathObject = (each: string): ReportedObject => ({ kind: 'path', path: each });

const access: fc.Arbitrary<ObservedAccess> = fc.oneof(
  fc.record({
    ...common,
    class: fc.constant('file' as const),
    operations: fc.constantFrom(...FILE_SETS) as fc.Arbitrary<ObservedAccess['operations']>,
    object: directory.map(pathObject),
    program,
    fromOutside: fc.constant(false),
  }),
  fc
    .record({
      ...common,
      class: fc.constant('process' as const),
      operations: fc.constant(['execute'] as const),
      object: path.map(pathObject),
      program,
      fromOutside: fc.boolean(),
    })
    .map((each) => ({ ...each, program: each.fromOutside ? '' : each.program })),
  fc.record({
    ...common,
    class: fc.constant('network' as const),
    operations: fc.constant(['communicate'] as const),
    object: socket.map(socketObject),
    program,
    fromOutside: fc.constant(false),
  }),
  fc.record({
    ...common,
    class: fc.constant('capabilities' as const),
    operations: fc.constant(['use'] as const),
    object: fc.nat(40).map((number): ReportedObject => ({ kind: 'capability', number })),
    program,
    fromOutside: fc.constant(false),
  }),
);

const judgeOf = (accesses: readonly ObservedAccess[]) => {
  const options = { name: 'suggested', namespace: 'default', matchLabels: { app: 'a' } };
  const { policy, evidence } = suggestPolicy(accesses, options);
  assert.deepEqual([...evidence.keys()].sort(), policy.rules.map(({ id }) => id).sort());
  const bound = policy.rules.map((rule) => ({ policy, rule }));
  return new Judge(compileImage(resolveRules(bound, BLOCK)));
};

test('the policy suggested for any accesses allows each of them under posture block', () => {
  fc.assert(
    fc.property(fc.array(access, { maxLength: ACCESSES }), (accesses) => {
      const judge = judgeOf(accesses);
      for (const each of accesses) assert.equal(judge.judge(each).action, 'Allow', JSON.stringify(each));
    }),
    { ...decisionRuns(ACCESSES), numRuns: 300 },
  );
});

test('the policy suggested for accesses refuses other objects and other operations', () => {
  const common: Pick<ObservedAccess, 'ownership' | 'terminal' | 'fromOutside' | 'count'> = {
    ownership: 'owner',
    terminal: false,
    fromOutside: false,
    count: 1,
  };
  const elsewhere: readonly ObservedAccess[] = [
    { ...common, class: 'process', operations: ['execute'], object: pathObject('/elsewhere/x'), program: '/usr/bin/a' },
    { ...common, class: 'file', operations: ['read'], object: pathObject('/elsewhere/y'), program: '/usr/bin/a' },
    {
      ...common,
      class: 'network',
      operations: ['communicate'],
      object: socketObject({ family: 38, type: 5, protocol: 0, direction: 'none', port: 0, address: [] }),
      program: '/usr/bin/a',
    },
    {
      ...common,
      class: 'capabilities',
      operations: ['use'],
      object: { kind: 'capability', number: 16 },
      program: '/usr/bin/a',
    },
  ];
  const without = ({ object }: ObservedAccess) => object.kind !== 'capability' || object.number !== 16;
  fc.assert(
    fc.property(fc.array(access, { maxLength: ACCESSES }), (accesses) => {
      const judge = judgeOf(accesses.filter(without));
      for (const each of elsewhere) assert.equal(judge.judge(each).action, 'Block', JSON.stringify(each));
    }),
    { ...decisionRuns(ACCESSES), numRuns: 100 },
  );
});
