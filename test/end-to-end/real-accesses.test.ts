import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Access, AccessObject } from '../../src/explain/access.js';
import { type Explanation, explain } from '../../src/explain/evaluate.js';
import { readManifest } from '../../src/policy/manifest.js';
import { toManifest } from '../../src/policy/manifest-text.js';
import type { BoundRule, FileOperation, Policy, Postures, Rule } from '../../src/policy/model.js';
import { ADDRESS_FAMILIES, type AddressFamily, SOCKET_TYPES } from '../../src/policy/network.js';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, startContainer } from '../support/docker.js';
import { PERL_LIBRARY } from '../support/perl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';

/** How many accesses are made for real, and under how many sets of policies. */
const ACCESSES = Number(process.env.HAUBERK_ACCESSES ?? 5000);
const POLICY_SETS = Math.ceil(ACCESSES / 50);
const SEED = Number(process.env.HAUBERK_SEED ?? Date.now() % 2 ** 31);
const WORKERS = ['/bin/one', '/bin/two'];
const DIRECTORIES = ['/t/a', '/t/b', '/t/a/c'];
const NAMES = ['x', 'y', 'xy', 'é'];
const FAMILIES: readonly AddressFamily[] = ['inet', 'inet6', 'unix', 'netlink'];
const OPERATIONS = ['read', 'write', 'attributes', 'delete', 'create', 'execute', 'communicate'] as const;
type Made = (typeof OPERATIONS)[number];

const daemon = new Daemon();
const client = new Client(daemon.address);
const workers = new Map<string, Worker>();
let events: EventStream;
let root: string;

/** Reads a line, does what it says, and prints `ok` or the number of the error. */
const SCRIPT = `use strict; use Socket; use Fcntl; $| = 1;
while (my $line = <STDIN>) { chomp $line; my ($do, @with) = split / /, $line; my $ok;
  if ($do eq "read") { $ok = open(my $f, "<", $with[0]) }
  elsif ($do eq "write") { $ok = sysopen(my $f, $with[0], O_WRONLY) }
  elsif ($do eq "attributes") { $ok = chmod(0755, $with[0]) }
  elsif ($do eq "delete") { $ok = unlink($with[0]) }
  elsif ($do eq "create") { $ok = mkdir($with[0]) }
  elsif ($do eq "communicate") { $ok = socket(my $s, $with[0], $with[1], 0) }
  elsif ($do eq "execute") { my $child = fork();
    if (!$child) { exec { $with[0] } "x"; exit($! + 0) } waitpid($child, 0); $! = $? >> 8; $ok = $? == 0 }
  print $ok ? "ok\\n" : ($! + 0) . "\\n" }`;

class Worker {
  readonly #process: ChildProcess;
  readonly #lines: Interface;

  constructor(process: string, program: string) {
    // Not by `docker exec`, which would relay every line.
    const namespaces = ['--target', process, '--mount', '--pid', '--net', '--root', '--wd'];
    const command = ['/usr/bin/nsenter', ...namespaces, program, '-e', SCRIPT];
    // By cat: Node.js uses Unix sockets as pipes, for which the container's rules would hold.
    this.#process = spawn('/bin/sh', ['-c', 'cat | "$@" | cat', 'sh', ...command], {
      env: { LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout! });
  }

  async do(line: string): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#lines.once('line', resolve));
    this.#process.stdin!.write(`${line}\n`);
    return answer;
  }

  end(): void {
    this.#process.stdin!.end();
  }
}

before(async () => {
  makeProgramsImage();
  const library = ['-v', `${PERL_LIBRARY}:${PERL_LIBRARY}:ro`];
  const target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target', ...library);
  const { output } = docker('inspect', '--format', '{{.State.Pid}}', 'target');
  const process = output.trim();
  root = `/proc/${process}/root`;
  for (const directory of DIRECTORIES) mkdirSync(join(root, directory), { recursive: true });
  for (const program of WORKERS) workers.set(program, new Worker(process, program));
  await daemon.start('--events-per-second=0');
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  for (const worker of workers.values()) worker.end();
  await daemon.end('SIGTERM');
  docker('rm', '-f', 'target');
});

const action = fc.constantFrom('Allow' as const, 'Audit' as const, 'Block' as const);
const place = fc.oneof(
  fc
    .tuple(fc.constantFrom(...DIRECTORIES), fc.constantFrom(...NAMES))
    .map(([directory, name]) => ({ kind: 'exact' as const, path: `${directory}/${name}` })),
  fc.record({
    kind: fc.constant('directory' as const),
    directory: fc.constantFrom(...DIRECTORIES, '/t').map((directory) => `${directory}/`),
    recursive: fc.boolean(),
  }),
  fc
    .constantFrom('/t/*/x*', '/t/**/?', '/t/{a,b}/[!x]', '/t/a/**')
    .map((pattern) => ({ kind: 'pattern' as const, pattern })),
);
const common = { severity: 1, tags: [], message: '' };
const sources = fc.oneof(fc.constant([]), fc.subarray([...WORKERS, '/bin/'], { minLength: 1 }));
const pathRule: fc.Arbitrary<Omit<Rule, 'id'>> = fc
  .record({
    class: fc.constantFrom('process' as const, 'file' as const, 'file' as const),
    match: place,
    sources,
    action,
    flag: fc.constantFrom('', '', 'readOnly', 'ownerOnly', 'operations'),
    operations: fc.subarray<FileOperation>(['read', 'write', 'create', 'delete', 'attributes'], { minLength: 1 }),
  })
  .map(({ flag, operations, ...rule }) => ({
    ...rule,
    // The language has no sources for patterns.
    sources: rule.match.kind === 'pattern' ? [] : rule.sources,
    readOnly: rule.class === 'file' && flag === 'readOnly',
    ownerOnly: flag === 'ownerOnly',
    ...(rule.class === 'file' && flag === 'operations' && { operations }),
    ...common,
  }));
const networkRule: fc.Arbitrary<Omit<Rule, 'id'>> = fc
  .record({
    match: fc.oneof(
      fc.constantFrom(...FAMILIES).map((family) => ({ kind: 'family' as const, family })),
      fc.constantFrom('tcp', 'udp', 'stream', 'all').map((protocol) => ({ kind: 'protocol' as const, protocol })),
    ),
    sources,
    action,
  })
  .map((rule) => ({ class: 'network', ...rule, readOnly: false, ownerOnly: false, ...common }) as Omit<Rule, 'id'>);

const policySet = fc.array(
  fc.record({
    rules: fc.array(fc.oneof({ arbitrary: pathRule, weight: 4 }, { arbitrary: networkRule, weight: 1 }), {
      minLength: 1,
      maxLength: 8,
    }),
    priority: fc.constantFrom(0, 0, 1),
    mode: fc.constantFrom(undefined, undefined, 'audit' as const),
  }),
  { minLength: 1, maxLength: 3 },
);
const posture = fc.constantFrom('audit' as const, 'block' as const);
const postures: fc.Arbitrary<Postures> = fc.record({
  process: posture,
  file: posture,
  network: posture,
  capabilities: posture,
});
const attempt = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  worker: fc.constantFrom(...WORKERS),
  directory: fc.constantFrom(...DIRECTORIES),
  name: fc.constantFrom(...NAMES),
  owner: fc.boolean(),
  family: fc.constantFrom(...FAMILIES),
  type: fc.constantFrom('stream' as const, 'dgram' as const),
});
type Attempt = typeof attempt extends fc.Arbitrary<infer Value> ? Value : never;

test(`${ACCESSES} accesses under ${POLICY_SETS} sets of policies are decided and reported as the reference says`, async () => {
  const each = Math.ceil(ACCESSES / POLICY_SETS);
  const cases = fc.sample(
    fc.record({ policySet, postures, attempts: fc.array(attempt, { minLength: each, maxLength: each }) }),
    { numRuns: POLICY_SETS, seed: SEED },
  );
  process.stdout.write(`# HAUBERK_SEED=${SEED}\n`);
  for (const { policySet: made, postures: inForce, attempts } of cases) {
    const manifests = made.map(({ rules, priority, mode }, index) =>
      toManifest(policyOf(index, rules, priority, mode)),
    );
    await client.call('PolicyService', 'SyncPolicies', { manifest: manifests.join('---\n') });
    await setPostures(inForce);
    const bound = readManifest(manifests.join('---\n')).flatMap(({ policy }) =>
      policy.rules.map((rule): BoundRule => ({ policy, rule })),
    );
    events.clear();
    let expectedEvents = 0;
    for (const wanted of attempts) {
      const expected = explain(bound, inForce, toAccess(wanted));
      const object = prepare(wanted);
      const answer = await workers.get(wanted.worker)!.do(lineOf(wanted, object));
      const context = JSON.stringify({ wanted, expected: summaryOf(expected), manifests, inForce });
      assert.equal(answer, expected.action === 'Block' ? '13' : 'ok', context);
      if (expected.action === 'Allow') continue;
      expectedEvents++;
      await expectEvent(expected, wanted, object, expectedEvents, context);
    }
    assert.equal(events.events.length, expectedEvents, JSON.stringify(events.events.slice(-3)));
  }
});

function policyOf(index: number, rules: Omit<Rule, 'id'>[], priority: number, mode: 'audit' | undefined): Policy {
  return {
    name: `policy-${index}`,
    namespace: 'default',
    matchLabels: { app: 'target' },
    ...(priority !== 0 && { priority }),
    ...(mode !== undefined && { mode }),
    rules: rules.map((rule, place) => ({ ...rule, id: `${place}` })),
  };
}

async function setPostures(inForce: Postures): Promise<void> {
  const names = {
    process: 'ACCESS_CLASS_PROCESS',
    file: 'ACCESS_CLASS_FILE',
    network: 'ACCESS_CLASS_NETWORK',
    capabilities: 'ACCESS_CLASS_CAPABILITY',
  } as const;
  const messages = Object.entries(inForce).map(([ruleClass, posture]) => ({
    class: names[ruleClass as keyof typeof names],
    action: `ACTION_${posture.toUpperCase()}`,
  }));
  await client.call('PolicyService', 'SetPosture', { namespace: 'default', postures: messages });
}

/** A program that does nothing, without a library: system call 60 is exit(2). The ELF format, System V ABI, chapter 4. */
function smallestProgram(): Buffer {
  const code = Buffer.from('31ffb83c0000000f05', 'hex');
  const [base, headers] = [0x400000n, 120];
  const file = Buffer.alloc(headers + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + BigInt(headers), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(base, 80);
  file.writeBigUInt64LE(base, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, headers);
  return file;
}

const PROGRAM = smallestProgram();

/** Creates the file to access, from outside of the container, and returns its path. */
function prepare({ operation, directory, name, owner }: Attempt): string {
  const path = `${directory}/${name}`;
  const file = join(root, path);
  if (operation === 'communicate') return '';
  rmSync(file, { recursive: true, force: true });
  if (operation === 'create') return path;
  writeFileSync(file, PROGRAM, { mode: 0o755 });
  if (!owner) chownSync(file, 1000, 1000);
  return path;
}

function lineOf({ operation, family, type }: Attempt, object: string): string {
  if (operation !== 'communicate') return `${operation} ${object}`;
  return `communicate ${ADDRESS_FAMILIES[family]} ${typeOf(family, type)}`;
}

/** Netlink has no stream sockets. */
function typeOf(family: AddressFamily, type: 'stream' | 'dgram'): number {
  return SOCKET_TYPES[family === 'netlink' ? 'dgram' : type];
}

function toAccess({ operation, worker, directory, name, owner, family, type }: Attempt): Access {
  const object: AccessObject =
    operation === 'communicate'
      ? {
          kind: 'socket',
          family: ADDRESS_FAMILIES[family],
          type: typeOf(family, type),
          protocol: 0,
          direction: 'none',
          port: 0,
          address: [],
        }
      : { kind: 'path', path: Buffer.from(`${directory}/${name}`) };
  return {
    operation: operation as Made,
    object,
    program: Buffer.from(worker),
    // A file that does not exist yet will belong to its creator.
    ownership: owner || operation === 'create' ? 'owner' : 'other',
    terminal: false,
    arguments: [],
  };
}

function summaryOf({ action, wouldBlock, decider }: Explanation) {
  const [policy, rule] =
    decider === undefined
      ? ['', '']
      : 'postureOf' in decider
        ? ['DefaultPosture', decider.postureOf]
        : [decider.policy.name, decider.rule.id];
  return {
    action: `ACTION_${action.toUpperCase()}`,
    result: action === 'Block' ? 'RESULT_DENIED' : 'RESULT_PASSED',
    wouldBlock,
    policy,
    rule,
  };
}

/** The expected event: where a rule allows only owners, it is the posture that refuses others. */
function eventOf(expected: Explanation, { ownership }: Access) {
  const reported = { ...summaryOf(expected), ownerRule: '' };
  const { decider } = expected;
  if (decider === undefined || 'postureOf' in decider || ownership === 'owner') return reported;
  const { policy, rule } = decider;
  if (rule.action !== 'Allow' || !rule.ownerOnly) return reported;
  return {
    ...reported,
    policy: 'DefaultPosture',
    rule: rule.class,
    ownerRule: `${policy.namespace}/${policy.name} ${rule.id}`,
  };
}

/** Asserts that the next event is that of this access. */
async function expectEvent(
  expected: Explanation,
  wanted: Attempt,
  object: string,
  number: number,
  context: string,
): Promise<void> {
  await events.find(() => events.events.length >= number);
  const { action, result, wouldBlock, policy, rule, ownerRule, object: reported } = events.events[number - 1]!;
  assert.deepEqual(
    { action, result, wouldBlock, policy, rule, ownerRule },
    eventOf(expected, toAccess(wanted)),
    context,
  );
  if (object !== '') assert.equal(reported, object, context);
}
