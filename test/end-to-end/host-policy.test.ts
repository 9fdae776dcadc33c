import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, exec, startContainer } from '../support/docker.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { runFromMemory } from '../support/perl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SshServer } from '../support/ssh-server.js';

const SECRET = '/tmp/host-secret';
const daemon = new Daemon();
const client = new Client(daemon.address);
const server = new SshServer();
let events: EventStream;

const manifest = (rules: string, node = '') => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: on-host}
spec:
  nodeSelector: {matchLabels: {${node}}}
  ${rules}`;
const apply = (text: string, force = false) => client.call('PolicyService', 'ApplyPolicy', { manifest: text, force });
const remove = () => client.call('PolicyService', 'DeletePolicy', { name: 'on-host', scope: 'SCOPE_HOST' });
const cat = (...prefix: string[]) => {
  const [program, ...parameters] = [...prefix, '/bin/cat', SECRET];
  return spawnSync(program!, parameters, { encoding: 'utf8' });
};

before(async () => {
  writeFileSync(SECRET, 'secret\n');
  await daemon.start('--docker-socket', 'off', '--host-labels', 'role=test');
  events = await client.stream({ containerIds: ['host'] });
});

after(async () => {
  server.end();
  events?.cancel();
  client.close();
  await daemon.end('SIGTERM');
});

test('a policy for the host refuses its own processes, also in a mount namespace of their own', async () => {
  const { changes } = await apply(
    manifest(`file: {matchPaths: [{path: ${SECRET}, fromSource: [{path: /usr/bin/cat}]}]}`),
  );
  assert.deepEqual(changes[0].containerIds, ['host']);
  assert.match(cat().stderr, /Permission denied/);
  const event = await events.find(({ object }) => object === SECRET);
  assert.deepEqual(
    [event.policy, event.rule, event.containerId, event.program],
    ['on-host', 'file.matchPaths[0]', 'host', '/usr/bin/cat'],
  );
  assert.match(cat('/usr/bin/unshare', '--mount').stderr, /Permission denied/);
  assert.equal(spawnSync('/usr/bin/head', [SECRET], { encoding: 'utf8' }).stdout, 'secret\n');
  await remove();
  assert.equal(cat().stdout, 'secret\n');
});

test('a rule for the host that names a link holds for its target', async () => {
  const [link, directory] = ['/tmp/host-link', '/tmp/host-directory'];
  symlinkSync(SECRET, link);
  symlinkSync('/tmp', directory);
  for (const path of [link, `${directory}/host-secret`]) {
    assert.equal(cat().stdout, 'secret\n');
    await apply(manifest(`file: {matchPaths: [{path: ${path}}]}`));
    assert.match(cat().stderr, /Permission denied/);
    await remove();
  }
});

test('a process of the host is named and refused a file that it had opened before the policy', async () => {
  const read = async (between: () => Promise<void>) => {
    const holder = spawn('/bin/bash', ['-c', `exec 3<${SECRET}; echo ready; read; exec /bin/cat <&3 2>&1`]);
    const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'ready');
    await between();
    holder.stdin.end('\n');
    return String((await lines.next()).value);
  };
  assert.equal(await read(async () => undefined), 'secret');
  const outcome = await read(async () => {
    const { changes } = await apply(manifest(`file: {matchPaths: [{path: ${SECRET}}]}`));
    const named = changes[0].holders.named.map(({ kind, path, containerId }: Record<string, unknown>) => [
      kind,
      path,
      containerId,
    ]);
    assert.deepEqual(named, [['KIND_DESCRIPTOR', SECRET, 'host']]);
  });
  assert.match(outcome, /Permission denied/);
  await remove();
});

test('under a rule on programs of the host, one in a memory file runs all the same, and is reported', async () => {
  const run = () => spawnSync('/usr/bin/perl', ['-e', runFromMemory('/bin/true')], { encoding: 'utf8' });
  assert.equal(run().status, 0);
  await apply(manifest('process: {matchPaths: [{path: /usr/bin/no-such-program}]}'));
  events.clear();
  const { status, stdout, stderr } = run();
  assert.equal(status, 0, stdout + stderr);
  const event = await events.find(({ policy, operation }) => policy === 'FailClosed' && operation === 'exec');
  assert.deepEqual(
    [event.rule, event.action, event.result, event.containerId],
    ['unreachable', 'ACTION_AUDIT', 'RESULT_PASSED', 'host'],
  );
  await remove();
});

test('with a rule on a file of the host in force, containers start, can be entered and stop', async () => {
  makeProgramsImage();
  await apply(manifest(`file: {matchPaths: [{path: ${SECRET}}]}`));
  assert.equal(cat().status, 1);
  events.clear();
  startContainer(PROGRAMS_IMAGE, 'beside');
  assert.deepEqual(exec('beside', '/bin/true'), { status: 0, output: '' });
  assert.equal(docker('stop', '--time', '0', 'beside').status, 0);
  docker('rm', 'beside');
  assert.deepEqual(
    events.events.filter(({ result }) => result === 'RESULT_DENIED'),
    [],
  );
  await remove();
});

test('with a rule on a file of the host in force, people log in, and the rule holds for their processes', async () => {
  await server.start();
  const control = server.login(`cat ${SECRET}; tty`);
  assert.match(control.output, /^secret\s+\/dev\/pts\/\d+\s*$/u, server.log);
  await apply(manifest(`file: {matchPaths: [{path: ${SECRET}}]}`));
  events.clear();
  const { status, output } = server.login(`cat ${SECRET}; tty`);
  assert.equal(status, 0, server.log);
  assert.match(output, /Permission denied\s+\/dev\/pts\/\d+\s*$/u);
  await events.find(({ object }) => object === SECRET);
  assert.deepEqual(
    events.events.filter(({ result, object }) => result === 'RESULT_DENIED' && object !== SECRET),
    [],
  );
  await remove();
});

test('a policy for hosts with other labels does not reach this one', async () => {
  const rules = `file: {matchPaths: [{path: ${SECRET}}]}`;
  const { changes } = await apply(manifest(rules, 'role: other'));
  assert.deepEqual(changes[0].containerIds, []);
  assert.equal(cat().stdout, 'secret\n');
  await apply(manifest(rules, 'role: test'));
  assert.equal(cat().status, 1);
  await remove();
});

test('what would stop hauberkd, process 1 or logins is refused with the reason, unless it is forced', async () => {
  for (const rules of [
    `process: {matchPaths: [{path: ${process.execPath}}]}`,
    'process: {matchDirectories: [{dir: /usr/, recursive: true}]}',
    'capabilities: {matchCapabilities: [{capability: sys_admin}]}',
    'network: {matchProtocols: [{protocol: all}]}',
    'presets: [{name: anonymousMapExec}]',
  ]) {
    await assert.rejects(apply(manifest(rules)), (error: Error) => {
      assert.match(error.message, /the host would be harmed:\n- (?:hauberkd|process 1) could not /);
      return true;
    });
  }
  // Read by logins and by whatever looks up users; which of these files exist depends on the host.
  await assert.rejects(apply(manifest('file: {matchDirectories: [{dir: /etc/, recursive: true}]}')), {
    message: /the host would be harmed:\n- \S+ could not read \/etc\//,
  });
  for (const path of ['/etc/shadow', '/etc/ssh/ssh_host_ed25519_key', '/etc/pam.d/sshd'])
    await assert.rejects(apply(manifest(`file: {matchPaths: [{path: ${path}}]}`)), {
      message: new RegExp(`- /usr/sbin/sshd could not read ${path}: policy host:on-host`, 'u'),
    });
  await assert.rejects(apply(manifest('process: {matchPaths: [{path: /usr/sbin/sshd}]}')), {
    message: /could not (?:be run by|execute) /,
  });
  const { policies } = await client.call('PolicyService', 'ListPolicies');
  assert.equal(policies.length, 0);
  await apply(manifest('capabilities: {matchCapabilities: [{capability: sys_boot}]}'), true);
  await remove();
});

// test/unit/running-daemon.test.ts has the same on an in-memory kernel.
test('hauberkd --rescue keeps policies for the host stored, and does not enforce them', {
  skip: IN_LONG_RUNS,
}, async () => {
  await apply(manifest(`file: {matchPaths: [{path: ${SECRET}, fromSource: [{path: /usr/bin/cat}]}]}`));
  assert.equal(cat().status, 1);
  await daemon.end('SIGTERM');
  assert.equal(cat().status, 1);
  await daemon.start('--docker-socket', 'off', '--rescue');
  assert.equal(cat().stdout, 'secret\n');
  const { policies } = await client.call('PolicyService', 'ListPolicies');
  assert.deepEqual(
    policies.map(({ name }: { name: string }) => name),
    ['on-host'],
  );
  await remove();
});
