import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check } from '../../src/host-check.js';
import { BrokenObject } from '../support/broken-object.js';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const OBJECT = 'build/bpf/hauberk.bpf.o';
const directory = mkdtempSync(join(tmpdir(), 'hauberk-broken-'));
const daemon = new Daemon();
const client = new Client(daemon.address);
const sandbox = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sleep', '100000'], {
  stdio: 'ignore',
});
let inside = 0;

const PRESENT = [
  ...['socket_create', 'file_open', 'mmap_file', 'file_receive', 'file_permission', 'path_chmod'],
  ...['inode_setxattr', 'inode_removexattr', 'inode_setattr', 'file_ioctl'],
];
/** As on a kernel whose verifier refuses one program, and which has only these hooks. */
const object = new BrokenObject().refuse('hauberk_socket_create').only(...PRESENT);

function reads(path: string): boolean {
  const into = ['--target', `${inside}`, '--mount', '--pid', '/bin/cat', path];
  const { status, stderr } = spawnSync('nsenter', into, { encoding: 'utf8' });
  if (status !== 0) assert.match(stderr, /Permission denied/u);
  return status === 0;
}

const manifest = (name: string, rules: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: missing}}, ${rules}, action: Block}`;

async function warningsOf(name: string, rules: string): Promise<string[]> {
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest: manifest(name, rules) });
  return changes[0].warnings;
}

before(async () => {
  execFileSync('mount', ['--bind', object.write(join(directory, 'broken.o')), OBJECT]);
  await daemon.start('--detach-on-exit');
  await eventually(() => {
    inside = Number(readFileSync(`/proc/${sandbox.pid}/task/${sandbox.pid}/children`, 'utf8'));
    return inside > 0 && readFileSync(`/proc/${inside}/comm`, 'utf8') === 'sleep\n';
  });
  const labels = { app: 'missing' };
  await client.call('ContainerService', 'RegisterContainer', { id: 'one', namespace: 'default', labels, pid: inside });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM').catch(() => undefined);
  sandbox.kill('SIGKILL');
  execFileSync('umount', [OBJECT]);
  rmSync(directory, { recursive: true });
});

test('the programs that the kernel accepts enforce without the others', async () => {
  assert.equal(reads('/etc/shadow'), true);
  const rules = 'file: {matchPaths: [{path: /etc/shadow, operations: [read]}]}';
  assert.deepEqual(await warningsOf('shadow', rules), []);
  assert.equal(reads('/etc/shadow'), false);
  assert.equal(reads('/etc/hostname'), true);
});

test("GetStatus names each missing hook, what is not covered, and the verifier's last message", async () => {
  const { missingHooks, programs, warnings, enforcing } = await client.call('HostService', 'GetStatus');
  const [refused, absent] = ['socket_create', 'path_chow0'].map((name) =>
    missingHooks.find(({ hook }: { hook: string }) => hook === name),
  );
  assert.deepEqual([refused.hook, refused.program], ['socket_create', 'hauberk_socket_create']);
  assert.deepEqual(refused.notCovered, [{ class: 'ACCESS_CLASS_NETWORK', operation: 'create' }]);
  assert.equal(refused.cause, 'MISSING_HOOK_CAUSE_NOT_LOADED');
  assert.match(refused.reason, /^the kernel's verifier refuses the program:\n.*r0 = \*\(u64 \*\)\(r0 \+0\)/su);
  assert.deepEqual(absent, {
    hook: 'path_chow0',
    program: 'hauberk_path_chown',
    what: 'changes of owner',
    notCovered: [{ class: 'ACCESS_CLASS_FILE', operation: 'attributes' }],
    cause: 'MISSING_HOOK_CAUSE_ABSENT',
    reason: 'this kernel has no hook path_chow0',
  });
  assert.equal(enforcing, true);
  assert.ok(programs.includes('hauberk_file_open') && !programs.includes('hauberk_socket_create'));
  assert.ok(warnings.some((warning: string) => warning.startsWith('hook socket_create is missing')));
});

test('the metrics name each missing hook', async () => {
  const metrics = await daemon.metrics();
  for (const labels of [
    'hook="socket_create",class="network",operation="create",cause="not_loaded"',
    'hook="path_chow0",class="file",operation="attributes",cause="absent"',
  ]) {
    assert.ok(metrics.includes(`hauberk_missing_hooks{${labels}} 1`), metrics);
  }
});

test('a policy that needs a missing hook gets a warning', async () => {
  const rule = 'file: {matchPaths: [{path: /etc/gshadow, operations: [attributes]}]}';
  assert.deepEqual(await warningsOf('attributes', rule), [
    'file.matchPaths[0] is not wholly in force: ' +
      'hook path_chow0 is missing, so nothing decides about changes of owner (file: attributes)',
  ]);
  const [sockets] = await warningsOf('sockets', 'network: {matchProtocols: [{protocol: raw}]}');
  assert.match(sockets!, /^network\.matchProtocols\[0\] is not wholly in force: hook socket_create is missing/u);
});

test('--check names what is missing', () => {
  const report = check({ bpffsDir: daemon.pinDirectory, requireHooks: false });
  assert.match(report, /^this kernel can enforce\n/u);
  assert.match(report, /but hook socket_create is missing.*\(network: create\).*r0 = \*\(u64 \*\)\(r0 \+0\)/su);
  assert.match(report, /but hook path_chow0 is missing.*\(file: attributes\); this kernel has no hook path_chow0/u);
});
