import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Container, NamespacePair } from '../../../src/containers/container.js';
import type { Assignment } from '../../../src/control/assignments.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { HolderSearch } from '../../../src/control/holder-search.js';
import type { RuleDescription } from '../../../src/events/rule-description.js';
import { decodeHoldings, EVERY_FILE, HOLDING, HOLDING_BYTES, HOLDING_KINDS } from '../../../src/kernel/holdings.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { HELD_FILE, MemoryHoldings } from '../../support/memory-holdings.js';

const container: Container = {
  id: 'c'.repeat(64),
  name: 'web',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
  namespaces: { pidNamespace: 3, mountNamespace: 4 },
  links: {},
};

const LOGGER = { warn: () => undefined };
const refusedBy = (policy: string) => ({ policy, policyNamespace: 'default' }) as RuleDescription;

function start(adopted: readonly NamespacePair[] = [], known: Container = container) {
  const holdings = new MemoryHoldings(container.namespaces);
  const plane = new InMemoryControlPlane({ ...NOTHING_DESIRED, containers: new Map([[known.id, known]]) });
  const rules = [refusedBy('one'), refusedBy('two')];
  const logged: object[] = [];
  const search = new HolderSearch(
    holdings.kernel,
    adopted,
    (_, rule) => rules[rule],
    {
      warn: (fields) => logged.push(fields),
    },
    () => false,
  );
  plane.enforcement.holders = search;
  const apply = async (name: string, extra = '') => {
    const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: web}}, ${extra} file: {matchPaths: [{path: /etc/${name}}]}}`;
    const { result } = await plane.policies.apply(plane.policies.readManifest(text));
    return result[0]!;
  };
  return { holdings, plane, search, apply, logged };
}

test('processes that hold a file that a change refuses are named, and each use is refused until it is closed', async () => {
  const { holdings, search, apply } = start();
  holdings.held = [HELD_FILE, { ...HELD_FILE, kind: 'mapping', hostPid: 78 }, { ...HELD_FILE, hostPid: 79 }];
  const { held } = await apply('one');
  const named = { containerId: container.id, program: '/bin/cat', path: '/etc/shadow' };
  assert.deepEqual(held, {
    named: [
      { ...named, kind: 'descriptor', pid: 77 },
      { ...named, kind: 'descriptor', pid: 79 },
      { ...named, kind: 'mapping', pid: 78 },
    ],
    omitted: 0,
  });
  assert.deepEqual([[...holdings.marks], holdings.isAttached], [[HELD_FILE.file], true]);
  assert.deepEqual(search.held, { files: 1, containers: 0 });
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [1, true]);
  // Uses of mapped memory cannot be refused.
  holdings.held = [{ ...HELD_FILE, kind: 'mapping', hostPid: 78 }];
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [0, false]);
  const { passes } = holdings;
  await search.look();
  assert.equal(holdings.passes, passes);
});

test('files that were refused before a change are not reported for it', async () => {
  const { holdings, apply } = start();
  await apply('one');
  // Opened by a program that the rules allow, and handed on to one that they refuse.
  holdings.held = [HELD_FILE];
  const { held } = await apply('two');
  assert.deepEqual([held?.named, holdings.marks.size, holdings.isAttached], [[], 0, false]);
});

test('a file that was held before an earlier change stays refused under a later one', async () => {
  const { holdings, apply } = start();
  holdings.held = [HELD_FILE];
  await apply('one');
  const { held } = await apply('two');
  assert.deepEqual([held?.named, [...holdings.marks]], [[], [HELD_FILE.file]]);
});

test('a policy can exempt held files, and a change of it can end the exemption', async () => {
  const { holdings, apply } = start();
  holdings.held = [HELD_FILE];
  const left = await apply('one', 'heldDescriptors: leave,');
  assert.deepEqual([left.held, holdings.marks.size, holdings.isAttached], [undefined, 0, false]);
  const { held } = await apply('one');
  assert.deepEqual([held?.named.length, holdings.isAttached], [1, true]);
  await apply('one', 'heldDescriptors: leave,');
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [0, false]);
});

test('with an io_uring ring every file of the container is checked at each use', async () => {
  const { holdings, search, apply } = start();
  holdings.held = [{ ...HELD_FILE, kind: 'ring', file: 0n, path: '', program: '' }];
  const { held } = await apply('one');
  assert.deepEqual(
    held?.named.map(({ kind }) => kind),
    ['ring'],
  );
  assert.deepEqual([[...holdings.marks], search.held], [[EVERY_FILE], { files: 0, containers: 1 }]);
  holdings.held = [];
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [0, false]);
});

test('in a container with too many held files every file is checked at each use', async () => {
  const { holdings, search, apply } = start();
  holdings.held = Array.from({ length: 1500 }, (_, index) => ({ ...HELD_FILE, file: BigInt(index + 1) }));
  const { held } = await apply('one');
  assert.deepEqual([held!.named.length + held!.omitted, [...holdings.marks]], [1500, [EVERY_FILE]]);
  holdings.held = holdings.held.slice(0, 3);
  await search.look();
  assert.deepEqual([...holdings.marks], [EVERY_FILE]);
  holdings.held = [];
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [0, false]);
});

test('a failed search is reported and repeated', async () => {
  const { holdings, search, apply } = start();
  holdings.held = [HELD_FILE];
  holdings.failure = new Error('no memory');
  const { warnings, held } = await apply('one');
  assert.equal(held, undefined);
  assert.match(warnings.join(), /what processes hold from before their policies cannot be found: no memory/);
  holdings.failure = undefined;
  await search.look();
  assert.deepEqual([search.problem, [...holdings.marks], holdings.isAttached], [undefined, [HELD_FILE.file], true]);
});

test('containers that an earlier daemon protected are not searched again, and held files stay refused', async () => {
  const { holdings, search, apply } = start([container.namespaces]);
  holdings.held = [HELD_FILE];
  await apply('one');
  assert.equal(holdings.passes, 0);
  const next = new MemoryHoldings(container.namespaces);
  next.marks.add(HELD_FILE.file);
  const later = new HolderSearch(
    next.kernel,
    [],
    () => undefined,
    LOGGER,
    () => false,
  );
  assert.deepEqual(later.held, { files: 1, containers: 0 });
  assert.deepEqual(search.held, { files: 0, containers: 0 });
});

test('a search ends after two passes without new findings, and examines mappings only in the first', async () => {
  const { holdings, search, apply } = start();
  await apply('one');
  assert.deepEqual(holdings.withMappings, [true, false]);
  holdings.withMappings.length = 0;
  holdings.heldAt = (pass) => (pass < 5 ? [] : [{ ...HELD_FILE, rule: 1 }]);
  const { held } = await apply('two');
  // One pass before the change, one without a finding, one with it, and two more.
  assert.deepEqual([held?.named.length, holdings.withMappings], [1, [true, true, false, false, false]]);
  holdings.withMappings.length = 0;
  await search.look();
  assert.deepEqual([holdings.withMappings, holdings.isAttached], [[false, false], true]);
});

test('if every pass finds more, every file of the container is checked at each use', async () => {
  const { holdings, search, apply } = start();
  holdings.heldAt = (pass) => Array.from({ length: pass }, (_, index) => ({ ...HELD_FILE, file: BigInt(index + 1) }));
  await apply('one');
  assert.deepEqual([holdings.passes, [...holdings.marks], search.held], [9, [EVERY_FILE], { files: 0, containers: 1 }]);
});

test('held files are examined every three seconds until the search is stopped', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { holdings, search, apply } = start();
  holdings.held = [HELD_FILE];
  await apply('one');
  search.start();
  holdings.held = [];
  t.mock.timers.tick(2999);
  await search.stop();
  assert.equal(holdings.marks.size, 1);
  search.start();
  t.mock.timers.tick(3000);
  await search.stop();
  assert.equal(holdings.marks.size, 0);
  holdings.marks.add(HELD_FILE.file);
  holdings.isAttached = true;
  const { passes } = holdings;
  t.mock.timers.tick(30_000);
  await search.look();
  assert.deepEqual(
    [holdings.passes, holdings.isAttached],
    [passes, false],
    'detached by the one look that was asked for',
  );
});

test('if it is unknown what was refused before a change, everything that is found afterwards is refused', async () => {
  const { holdings, search, apply, logged } = start();
  await apply('one');
  holdings.held = [HELD_FILE];
  holdings.failure = new Error('no memory');
  await apply('two');
  assert.match(search.problem!, /no memory/);
  assert.deepEqual(logged, [{ err: holdings.failure }, { err: holdings.failure }]);
  holdings.failure = undefined;
  await search.look();
  assert.deepEqual([[...holdings.marks], search.problem], [[HELD_FILE.file], undefined]);
});

test('the log names the container, and how many descriptors and mappings its processes hold', async () => {
  const { holdings, apply, logged } = start();
  await apply('none');
  assert.deepEqual(logged, []);
  holdings.heldAt = (pass) => (pass < 4 ? [] : [HELD_FILE, { ...HELD_FILE, kind: 'mapping' }]);
  await apply('one', 'heldDescriptors: refuse,');
  assert.deepEqual(logged, [{ container: container.id, descriptors: 1, mappings: 1 }]);
});

test('a container without rules for files is not searched, and a removed one starts from the beginning', async () => {
  const { holdings, plane, search, apply } = start();
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: net}
spec: {selector: {matchLabels: {app: web}}, network: {matchProtocols: [{protocol: tcp}]}, action: Block}`;
  await plane.policies.apply(plane.policies.readManifest(text));
  assert.equal(holdings.passes, 0);
  holdings.held = [HELD_FILE];
  await apply('one');
  const key = '3:4';
  assert.equal(search.findings(key)?.descriptors.count, 1);
  search.forget(container.namespaces);
  assert.equal(search.findings(key), undefined);
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached], [0, false]);
});

test('a container whose first process has not executed a program holds nothing yet, and is searched at later changes', async (t) => {
  const shell = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; wait'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => shell.kill());
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  const startTicks = 1;
  const process = { pid: Number(line.toString()), startTicks };
  const starting: Container = { ...container, isFirstProcess: true, process };
  const { holdings, apply } = start([], starting);
  await apply('one');
  assert.equal(holdings.passes, 0);
  await apply('two');
  assert.equal(holdings.passes, 3);

  for (const running of [
    { ...starting, process: { pid: shell.pid!, startTicks } },
    { ...container, process },
  ]) {
    const other = start([], running);
    await other.apply('one');
    assert.equal(other.holdings.passes, 2);
  }
});

test('marks of an unknown container are removed', async () => {
  const holdings = new MemoryHoldings(container.namespaces);
  holdings.marks.add(HELD_FILE.file);
  holdings.isAttached = true;
  const search = new HolderSearch(
    holdings.kernel,
    [],
    () => undefined,
    LOGGER,
    () => false,
  );
  await search.look();
  assert.deepEqual([holdings.marks.size, holdings.isAttached, holdings.passes], [0, false, 0]);
});

test("the host's processes are searched too, except for those it needs and for rings", async () => {
  const holdings = new MemoryHoldings(container.namespaces);
  const search = new HolderSearch(
    holdings.kernel,
    [],
    () => refusedBy('one'),
    LOGGER,
    (pid) => pid === 1,
  );
  holdings.held = [HELD_FILE, { ...HELD_FILE, hostPid: 1, file: 2n }, { ...HELD_FILE, kind: 'ring', file: 0n }];
  const kind = { ruleSet: { rules: [] }, image: { decidesFiles: true } };
  const assigned = { container: { ...container, origin: 'host', isHost: true }, kind } as unknown as Assignment;
  const begun = search.begin([assigned])!;
  await begun.before();
  await begun.after();
  assert.deepEqual([...holdings.marks], [HELD_FILE.file]);
});

test('records of held files are read correctly wherever a chunk ends', () => {
  const path = Buffer.from('/etc/shadow');
  const program = Buffer.from('/bin/cat');
  const record = Buffer.alloc(HOLDING_BYTES);
  record.writeBigUInt64LE(HELD_FILE.file, HOLDING.file);
  record.writeUInt32LE(3, HOLDING.pid_namespace);
  record.writeUInt32LE(4, HOLDING.mount_namespace);
  record.writeUInt32LE(1, HOLDING.image_id);
  record.writeUInt32LE(77, HOLDING.host_pid);
  record.writeUInt32LE(HOLDING_KINDS.indexOf('descriptor'), HOLDING.kind);
  record.writeUInt32LE(path.length, HOLDING.object_bytes);
  record.writeUInt32LE(program.length, HOLDING.program_bytes);
  const bytes = Buffer.concat([record, path, program]);
  const twice = Buffer.concat([bytes, bytes]);
  for (let end = 0; end <= twice.length; end++) {
    const { holdings, read } = decodeHoldings(twice.subarray(0, end));
    assert.deepEqual(
      [holdings.length, read],
      [Math.floor(end / bytes.length), Math.floor(end / bytes.length) * bytes.length],
    );
    for (const holding of holdings) assert.deepEqual(holding, HELD_FILE);
  }
});

test('1,024 open files of a container are distinguished, and no more', async () => {
  const { holdings, apply } = start();
  const files = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...HELD_FILE, file: BigInt(index + 1) }));
  holdings.held = files(1024);
  await apply('one');
  assert.deepEqual([holdings.marks.size, holdings.marks.has(EVERY_FILE)], [1024, false]);
  const more = start();
  more.holdings.held = files(1025);
  await more.apply('one');
  assert.deepEqual([...more.holdings.marks], [EVERY_FILE]);
});

test('a ring is logged, and its registered files do not count as refused before', async () => {
  const { holdings, apply, logged } = start();
  holdings.held = [{ ...HELD_FILE, kind: 'ring', file: 0n, path: '', program: '' }];
  await apply('one');
  assert.deepEqual(logged, [{ container: container.id }]);
  const { held } = await apply('two');
  assert.deepEqual(
    held?.named.map(({ kind }) => kind),
    ['ring'],
  );
  assert.deepEqual([...holdings.marks], [EVERY_FILE]);
});
