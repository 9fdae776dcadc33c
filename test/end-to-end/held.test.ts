import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { docker, enterMeanwhile, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';

/** How many techniques test/support/use-held.c tries. */
const TECHNIQUES = 21;
const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const volume = mkdtempSync('/run/held-');
let container = '';
let events: EventStream;

before(async () => {
  makeProgramsImage();
  for (const directory of ['guard', 'free']) {
    mkdirSync(join(volume, directory));
    writeFileSync(join(volume, directory, 'file'), 'x'.repeat(4096));
  }
  container = startContainer(PROGRAMS_IMAGE, 'held', '--label', 'app=held', '--privileged', '-v', `${volume}:/v`);
  await daemon.start();
  events = await client.stream({ containerIds: [container] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  docker('rm', '-f', 'held');
});

const output = () => readFileSync(join(volume, 'output'), 'utf8');
const trigger = join(volume, 'go');

/** Starts a process that opens files and waits; resolves once it has. */
async function hold(...command: string[]): Promise<void> {
  rmSync(trigger, { force: true });
  writeFileSync(join(volume, 'output'), '');
  void enterMeanwhile('held', ['/bin/sh', '-c', `exec /bin/uses ${command.join(' ')} >/v/output 2>&1`]);
  await eventually(() => output() !== '', 'the output of the holder');
  assert.equal(output(), 'ready\n');
}

/** Lets the holder use what it has opened, and end; returns the outcome of each use. */
async function used(): Promise<Record<string, string>> {
  writeFileSync(trigger, '');
  await eventually(() => output().includes('end\n'), 'the end of the holder');
  const lines = output()
    .split('\n')
    .filter((line) => line.includes(': '));
  return Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]));
}

const apply = (rules = '', extra = '') =>
  client.call('PolicyService', 'ApplyPolicy', {
    manifest: `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: held}
spec:
  ${extra}
  selector: {matchLabels: {app: held}}
  file: {matchDirectories: [{dir: /v/guard/, recursive: true${rules}}]}`,
  });
const withdraw = () => client.call('PolicyService', 'DeletePolicy', { name: 'held', scope: 'SCOPE_NAMESPACE' });
afterEach(async () => {
  await withdraw().catch(() => undefined);
  await eventually(() => !isAttached(), 'the end of the checks at every use');
});
const isAttached = () =>
  readdirSync(join(daemon.pinDirectory, 'programs')).some((build) =>
    existsSync(join(daemon.pinDirectory, 'programs', build, 'hauberk_file_permission_link')),
  );
const keepGuarded = ['keep', '/v/guard/file', '/v/guard', '/v/go'];

test('without a policy, every technique can use what was opened', async () => {
  await hold(...keepGuarded);
  const outcomes = await used();
  assert.equal(Object.keys(outcomes).length, TECHNIQUES);
  assert.deepEqual(
    Object.entries(outcomes).filter(([, outcome]) => outcome !== 'ok'),
    [],
  );
});

test('applying a policy names the processes that hold a file it refuses, and every further use is refused', async () => {
  await hold(...keepGuarded);
  events.clear();
  const { changes } = await apply();
  const { named: holders, omitted } = changes[0].holders;
  const named = holders.map(({ kind, path, program, containerId, processId }: Record<string, unknown>) => {
    assert.ok((processId as number) > 1);
    return [kind, path, program, containerId];
  });
  assert.deepEqual(named.sort(), [
    ['KIND_DESCRIPTOR', '/v/guard/', '/bin/uses', container],
    ['KIND_DESCRIPTOR', '/v/guard/file', '/bin/uses', container],
    ['KIND_MAPPING', '/v/guard/file', '/bin/uses', container],
  ]);
  assert.equal(omitted, '0');
  assert.ok(isAttached());
  const outcomes = await used();
  assert.equal(Object.keys(outcomes).length, TECHNIQUES);
  assert.deepEqual(
    Object.entries(outcomes).filter(([, outcome]) => outcome !== 'Permission denied'),
    [],
  );
  await events.find(
    ({ result, operation, object }) => result === 'RESULT_DENIED' && operation === 'use' && object === '/v/guard/file',
    5000,
  );
  // While the policy is still in force.
  await eventually(() => !isAttached(), 'the end of the checks at every use');
});

test('held files that the policy allows stay usable, and no program is attached for them', async () => {
  await hold('keep', '/v/free/file', '/v/free', '/v/go');
  const { changes } = await apply();
  assert.deepEqual([changes[0].holders, isAttached()], [undefined, false]);
  assert.deepEqual(new Set(Object.values(await used())), new Set(['ok']));
});

test('under a policy that refuses only writing, the holder may still read', async () => {
  await hold(...keepGuarded);
  await apply(', operations: [write]');
  const { read, write, getdents } = await used();
  assert.deepEqual([read, write, getdents], ['ok', 'Permission denied', 'ok']);
});

test('a policy can exempt files that are already open', async () => {
  await hold(...keepGuarded);
  const { changes } = await apply('', 'heldDescriptors: leave');
  assert.deepEqual([changes[0].holders, isAttached()], [undefined, false]);
  const { read, write, mmap } = await used();
  assert.deepEqual([read, write, mmap], ['ok', 'ok', 'Permission denied']);
});

test('held files stay refused when the daemon dies and starts again', { skip: IN_LONG_RUNS }, async () => {
  await hold(...keepGuarded);
  await apply();
  await daemon.end('SIGKILL');
  await daemon.start();
  assert.ok(isAttached());
  assert.equal((await used()).read, 'Permission denied');
});

test('a file registered with an io_uring ring is refused, and every use is checked while the ring exists', async () => {
  await hold('keep-registered', '/v/guard/file', '/v/go');
  const { changes } = await apply();
  assert.deepEqual(
    changes[0].holders.named.map(({ kind, path }: Record<string, unknown>) => [kind, path]),
    [['KIND_RING', '']],
  );
  assert.ok(isAttached());
  assert.equal((await used())['read a registered file'], 'Permission denied');
});
