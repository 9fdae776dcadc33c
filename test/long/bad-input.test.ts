import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
/** A container without Docker: a process in namespaces of its own. */
const container = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sleep', '1000'], {
  stdio: 'ignore',
});
let pid = 0;

const manifest = (body: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: bad}
spec:
  selector: {matchLabels: {app: bad}}
${body}`;

before(async () => {
  await daemon.start('--docker-socket', 'off');
  while (pid === 0) pid = Number(readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8').trim());
  await client.call('ContainerService', 'RegisterContainer', { id: 'plain', labels: { app: 'bad' }, pid });
  await client.call('PolicyService', 'ApplyPolicy', {
    manifest: manifest('  file: {matchPaths: [{path: /kept}]}').replace('name: bad', 'name: good'),
  });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM');
  container.kill();
  await once(container, 'exit');
});

/** Everything that a refused request must leave unchanged. */
async function state(): Promise<unknown> {
  return {
    policies: await client.call('PolicyService', 'ListPolicies'),
    containers: await client.call('ContainerService', 'ListContainers'),
  };
}

async function refusal(
  service: 'PolicyService' | 'ContainerService',
  method: string,
  request: object,
): Promise<ServiceError> {
  const before = await state();
  const error: ServiceError = await client.call(service, method, request).then(
    () => assert.fail('the request was accepted'),
    (thrown) => thrown,
  );
  assert.deepEqual(await state(), before);
  return error;
}

const blowUp = Array.from({ length: 40 }, (_, index) => `{pattern: "/**a${'?'.repeat(index + 5)}b"}`).join(', ');

const MANIFESTS: ReadonlyArray<readonly [string, string, RegExp, status?]> = [
  ['malformed YAML', 'spec: [', /line 1, column \d+/],
  ['an unknown field', manifest('  file: {matchPath: [{path: /a}]}'), /line 6, column 10: .*matchPath.*matchPaths/],
  [
    'a wrong type',
    manifest('  severity: high\n  file: {matchPaths: [{path: /a}]}'),
    /line 6, column 13: spec\.severity/,
  ],
  ['no selector', manifest('  file: {matchPaths: [{path: /a}]}').replace(/ {2}selector.*\n/, ''), /spec.*selector/],
  [
    'a relative path',
    manifest('  file: {matchPaths: [{path: etc/passwd}]}'),
    /line 6, column 30: spec\.file\.matchPaths\[0\]\.path/,
  ],
  ['a path with ..', manifest('  file: {matchPaths: [{path: /etc/../x}]}'), /spec\.file\.matchPaths\[0\]\.path.*\.\./],
  [
    'a path of 5,000 bytes',
    manifest(`  file: {matchPaths: [{path: /${'x'.repeat(4999)}}]}`),
    /is 5000 bytes long, at most 4096/,
  ],
  [
    'a system call to be blocked',
    manifest('  syscalls: {matchSyscalls: [{syscall: [unlink], action: Block}]}'),
    /line 6, column \d+: spec\.syscalls\.matchSyscalls\[0\]\.action: .*only audited/,
  ],
  [
    'patterns whose automaton is too large',
    manifest(`  file: {matchPatterns: [${blowUp}]}`),
    /states|automaton/,
    status.RESOURCE_EXHAUSTED,
  ],
];

for (const [name, text, expected, code = status.INVALID_ARGUMENT] of MANIFESTS) {
  test(`${name}: refused with its position, and nothing changes`, async () => {
    const error = await refusal('PolicyService', 'ApplyPolicy', { manifest: text });
    assert.equal(error.code, code, error.details);
    assert.match(error.details, expected);
    assert.ok(error.metadata.get('grpc-status-details-bin').length > 0);
  });
}

test('a valid document in a manifest with an invalid one is not applied', async () => {
  const good = manifest('  file: {matchPaths: [{path: /a}]}').replace('name: bad', 'name: other');
  const error = await refusal('PolicyService', 'ApplyPolicy', { manifest: `${good}\n---\nkind: Nonsense\n` });
  assert.equal(error.code, status.INVALID_ARGUMENT);
});

test('a process that has ended, or one of the host, cannot be registered as a container', async () => {
  const { pid: ended } = spawnSync('true');
  const gone = await refusal('ContainerService', 'RegisterContainer', { id: 'gone', pid: ended });
  assert.equal(gone.code, status.INVALID_ARGUMENT);
  assert.match(gone.details, new RegExp(`pid: no process ${ended}`));

  const host = await refusal('ContainerService', 'RegisterContainer', { id: 'host', pid: process.pid });
  assert.equal(host.code, status.INVALID_ARGUMENT);
  assert.match(host.details, /host's own mount namespace/);

  const inode = statSync('/proc/1/ns/mnt').ino;
  const namespaces = { pidNamespace: statSync(`/proc/${pid}/ns/pid`).ino, mountNamespace: inode };
  const byInode = await refusal('ContainerService', 'RegisterContainer', { id: 'host', namespaces });
  assert.match(byInode.details, /namespaces\.mount_namespace: .*host's own mount namespace/);
});

test('registering a container again with the same values changes nothing', async () => {
  const again = await client.call('ContainerService', 'RegisterContainer', {
    id: 'plain',
    labels: { app: 'bad' },
    pid,
  });
  assert.equal(again.changed, false);
});

test('a container without Docker is under its policies, and is forgotten when its last process ends', async () => {
  const inside = (command: string) =>
    spawnSync('nsenter', ['-t', String(pid), '-m', '-p', '/bin/sh', '-c', command], { encoding: 'utf8' });
  const { rules } = await client.call('ContainerService', 'GetEffectivePolicy', { containerId: 'plain' });
  assert.deepEqual(
    rules.map((rule: { policy: string; rule: { path: string } }) => [rule.policy, rule.rule.path]),
    [['good', '/kept']],
  );
  assert.match(inside('echo > /kept').stderr, /Permission denied/);
  assert.equal(spawnSync('/bin/sh', ['-c', 'echo > /kept && rm /kept']).status, 0);

  process.kill(pid, 'SIGKILL');
  for (let tries = 0; tries < 100; tries++) {
    const { containers } = await client.call('ContainerService', 'ListContainers');
    if (containers.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('the container is still known');
});
