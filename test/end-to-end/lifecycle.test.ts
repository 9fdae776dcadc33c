import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CONTAINER_KEY_BYTES, keysOf } from '../../src/kernel/map-elements.js';
import { checked } from '../../src/native/kernel-error.js';
import { deleteElement, getPinned } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { pinOfMap } from '../support/map-pin.js';

const PROGRAMS = ['cat', 'dash', 'sleep', 'ls', 'mkdir'].map((name) => `/bin/${name}`);
const daemon = new Daemon();
let client = new Client(daemon.address);
let target: string;

const manifest = (rules: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: lifecycle}
spec:
  selector: {matchLabels: {app: lifecycle}}
${rules}`;
const BLOCK_SHADOW = manifest('  file: {matchPaths: [{path: /etc/shadow}]}');

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['--merged-usr', 'lifecycle', ...PROGRAMS, '/usr/bin/unshare', '/usr/sbin/chroot'], {
    stdio: 'inherit',
  });
  // On a single processor a busy loop in the container would otherwise starve the daemon.
  // CPU shares count among control groups of one level, and the daemon's is at the top.
  const share = ['--cgroup-parent=/', '--cpu-shares=64'];
  target = startContainer('lifecycle', 'lifecycle', '--privileged', '--label', 'app=lifecycle', ...share);
  await daemon.start();
  await client.call('PolicyService', 'ApplyPolicy', { manifest: BLOCK_SHADOW });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM').catch(() => undefined);
  docker('rm', '-f', 'lifecycle', 'late');
});

const reads = (path: string) => enter('lifecycle', '/bin/cat', path).status === 0;
const script = (text: string) => enter('lifecycle', '/bin/dash', '-c', text);

test('a policy written for /bin reaches a program that is in /usr/bin of a merged root', async () => {
  await client.call('PolicyService', 'ApplyPolicy', {
    manifest: manifest('  process: {matchPaths: [{path: /bin/ls}]}').replace('lifecycle}', 'merged}'),
  });
  assert.match(script('ls /').output, /Permission denied/);
  await client.call('PolicyService', 'DeletePolicy', { name: 'merged' });
  assert.equal(script('ls / >/dev/null').status, 0);
});

test('new namespaces and a chroot do not escape the policy', async () => {
  for (const command of [
    'unshare --mount /bin/cat /etc/shadow',
    'unshare --mount --pid --fork /bin/cat /etc/shadow',
    'unshare --mount /bin/dash -c "exec /usr/sbin/chroot / /bin/cat /etc/shadow"',
  ]) {
    const { output } = script(command);
    assert.match(output, /shadow: Permission denied/, `${command}: ${output}`);
  }
});

test('a path too long to be read is refused and reported', async () => {
  const events = await client.stream({ policies: ['FailClosed'] });
  // 20 directories of 240 bytes are beyond 4096 bytes; each step stays below the limit of a system call.
  const name = 'd'.repeat(240);
  const { output } = script(
    `cd /tmp; i=0; while [ $i -lt 20 ]; do mkdir ${name} || exit; cd ${name} || exit; i=$((i+1)); done; echo > deep`,
  );
  assert.match(output, /Permission denied/);
  const event = await events.find(({ rule }) => rule === 'too-long');
  assert.equal(event.result, 'RESULT_DENIED');
  assert.equal(event.message, 'the path is longer than 4096 bytes');
  events.cancel();
});

/** Makes a change, and waits until the daemon's metric shows that it was repaired. */
async function repaired(what: string, change: () => void): Promise<void> {
  const count = async () =>
    Number(
      new RegExp(`^hauberk_kernel_repairs_total\\{what="${what}"\\} (\\d+)$`, 'm').exec(await daemon.metrics())?.[1],
    );
  const before = await count();
  change();
  await eventually(async () => (await count()) > before, `repairs of ${what}`);
}

const PROGRAMS_PINNED = `${daemon.pinDirectory}/programs`;
/** Whether the program that sees every system call is attached, even without a daemon. */
const isObserved = () =>
  readdirSync(PROGRAMS_PINNED).some((build) => existsSync(join(PROGRAMS_PINNED, build, 'hauberk_sys_enter_link')));

test('removed pins are restored, and so is an unmounted BPF filesystem', async () => {
  const events = pinOfMap(daemon.pinDirectory, 'events');
  await repaired('pins_and_settings', () => rmSync(events));
  assert.ok(existsSync(events));
  const programs = readdirSync(PROGRAMS_PINNED);
  await repaired('pins_and_settings', () => execFileSync('umount', ['--lazy', '/sys/fs/bpf']));
  assert.deepEqual(readdirSync(PROGRAMS_PINNED), programs);
});

test("containers that are removed from the kernel's map are put back under their policies", async () => {
  const map = checked('open the map of containers', getPinned(pinOfMap(daemon.pinDirectory, 'containers')));
  await repaired('containers', () => {
    for (const key of keysOf('list the containers', map, CONTAINER_KEY_BYTES)) deleteElement(map, key);
  });
  closeDescriptor(map);
  assert.equal(reads('/etc/shadow'), false);
  assert.equal((await client.call('HostService', 'GetStatus')).enforcing, true);
});

// The pins that were restored above refer to the same objects, or the next daemon would not adopt them.
test('after kill -9 a blocked access stays blocked, and the next daemon takes over, names the rule and resumes streams', async () => {
  const calls = manifest('  syscalls: {matchSyscalls: [{syscall: [mkdir]}]}').replace('lifecycle}', 'calls}');
  assert.equal(isObserved(), false);
  await client.call('PolicyService', 'ApplyPolicy', { manifest: calls });
  const first = await client.stream({ containerIds: [target] });
  const reached = new Promise<{ run: string; sequence: string }>((resolve) =>
    first.call.once('data', ({ position }) => resolve(position)),
  );
  script('read x < /etc/shadow; sleep 1');
  const { sequence, hostName, commandLine, containerUid } = await first.find(({ object }) => object === '/etc/shadow');
  assert.ok(hostName !== '' && commandLine[0]?.endsWith('dash'), `${hostName} ${commandLine}`);
  assert.equal(containerUid, 0);
  const position = await reached;
  first.cancel();
  assert.equal(await daemon.end('SIGKILL'), 'SIGKILL');
  assert.equal(isObserved(), true);
  for (let count = 0; count < 3; count++) assert.equal(reads('/etc/shadow'), false);
  assert.equal(reads('/etc/hostname'), true);

  client.close();
  await daemon.start();
  client = new Client(daemon.address);
  const status = await client.call('HostService', 'GetStatus');
  assert.equal(status.adopted, true);
  assert.equal(status.policies, 2);
  assert.ok(status.programs.includes('hauberk_sys_enter'));
  const events = await client.stream({ containerIds: [target], resumeAfter: { ...position, sequence } });
  const meanwhile = () => events.events.filter(({ object }) => object === '/etc/shadow');
  await events.find(() => meanwhile().length === 3);
  assert.equal(reads('/etc/shadow'), false);
  await events.find(() => meanwhile().length === 4);
  const numbers = meanwhile().map((event) => Number(event.sequence));
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  );
  assert.ok(numbers[0]! > Number(sequence));
  assert.equal(events.missed, 0);
  const { policy, rule, containerId } = meanwhile()[3]!;
  assert.deepEqual([policy, rule, containerId], ['lifecycle', 'file.matchPaths[0]', target]);
  script('mkdir /tmp/seen');
  assert.equal((await events.find(({ object }) => object === 'mkdir')).rule, 'syscalls.matchSyscalls[0]');
  events.cancel();
  await client.call('PolicyService', 'DeletePolicy', { name: 'calls' });
  assert.equal(isObserved(), false);
});

test('while a daemon of another build takes over, a blocked access is never allowed', {
  skip: IN_LONG_RUNS,
}, async () => {
  await daemon.end('SIGKILL');
  const programs = join(daemon.pinDirectory, 'programs');
  const build = readdirSync(programs)[0]!;
  const foreign = ['containers', 'counters'].map((map) => pinOfMap(daemon.pinDirectory, map));
  // To the next daemon these look like programs of another build, with unreadable images and maps of other sizes.
  renameSync(join(programs, build), join(programs, 'other'));
  for (const map of foreign) renameSync(map, `${map}0`);
  // The container tries without pause, in one process, and writes a line for each access that succeeds.
  docker(
    'exec',
    '-d',
    'lifecycle',
    '/bin/dash',
    '-c',
    'until [ -e /tmp/stop ]; do read x < /etc/shadow && echo through >> /tmp/through; done 2>/dev/null',
  );
  await daemon.start();
  // The programs of the other build are detached one by one, and slower while the container keeps the processor busy.
  const left = () => (existsSync(join(programs, 'other')) ? readdirSync(join(programs, 'other')).length : 0);
  const before = left();
  await eventually(() => left() < before || before === 0, 'the end of a program of the other build');
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.match(script('echo > /tmp/stop; cat /tmp/through').output, /No such file/);
  await eventually(() => readdirSync(programs).join() === build, 'the end of the programs of the other build');
  await eventually(() => !foreign.some((map) => existsSync(`${map}0`)), 'the end of the maps of the other build');
  for (const map of foreign) assert.ok(existsSync(map), map);
});

test('events that do not fit into the ring while the daemon is stopped are counted, and the others arrive', {
  skip: IN_LONG_RUNS,
}, async () => {
  await daemon.end('SIGTERM');
  await daemon.start('--events-per-second=0');
  client.close();
  client = new Client(daemon.address);
  const attempts = 2600;
  // Long paths fill the ring, which has 8 MiB, with few events.
  const directory = `/tmp/deep${`/${'x'.repeat(240)}`.repeat(16)}`;
  script(`mkdir -p ${directory}; echo > ${directory}/file`);
  const deep = manifest('  file: {matchDirectories: [{dir: /tmp/deep/, recursive: true}]}');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: deep.replace('lifecycle}', 'deep}') });
  const events = await client.stream({ policies: ['deep'] });
  const dropped = async () => {
    const text = await daemon.metrics();
    return Number(/^hauberk_events_dropped_total\{cause="ring_full"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await dropped();

  daemon.send('SIGSTOP');
  script(`i=0; while [ $i -lt ${attempts} ]; do i=$((i+1)); read x < ${directory}/file; done 2>/dev/null`);
  daemon.send('SIGCONT');
  const count = async () => {
    const [reported, missed, lost] = [events.events.length, events.missed, (await dropped()) - before];
    return { reported, missed, lost, all: reported + missed + lost };
  };
  let last = await count();
  try {
    await eventually(async () => {
      last = await count();
      return last.all >= attempts;
    }, 'a count for every attempt');
  } finally {
    events.cancel();
    await client.call('PolicyService', 'DeletePolicy', { name: 'deep' });
  }
  const { reported, missed, lost, all } = last;
  const counted = `${reported} were reported, ${missed} missed, ${lost} lost`;
  assert.equal(all, attempts, counted);
  assert.ok(reported > 0 && lost > 0, counted);
});

test('a container that starts later is noticed and under the policy', async () => {
  const id = startContainer('lifecycle', 'late', '--label', 'app=lifecycle');
  const known = async () => {
    const { containers } = await client.call('ContainerService', 'ListContainers');
    return containers.find((container: { id: string }) => container.id === id);
  };
  await eventually(async () => (await known()) !== undefined, 'the container');
  const container = await known();
  assert.deepEqual(container.policies, ['default/lifecycle']);
  assert.match(enter('late', '/bin/cat', '/etc/shadow').output, /Permission denied/);

  docker('rm', '-f', 'late');
  await eventually(async () => (await known()) === undefined, 'its end');
});

test('the metrics pass promtool and agree with what happened', async () => {
  assert.equal(reads('/etc/shadow'), false);
  const text = await daemon.metrics();
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(promtool.status, 0, promtool.stdout + promtool.stderr);
  assert.match(text, /^hauberk_policies 1$/m);
  assert.match(text, /^hauberk_enforcing 1$/m);
  const blocked = /^hauberk_decisions_total\{class="file",action="block"\} (\d+)$/im.exec(text);
  assert.ok(Number(blocked?.[1]) > 0, text);
});

test('SIGTERM ends streams with a status and leaves the enforcement in place', async () => {
  const events = await client.stream();
  assert.equal(await daemon.end('SIGTERM'), 0);
  await events.find(() => false, 500).catch(() => undefined);
  assert.equal(events.error?.details, 'hauberkd is stopping');
  assert.equal(reads('/etc/shadow'), false);
});

// The next test file would have to load the programs again.
test('--detach-on-exit ends the enforcement', { skip: IN_LONG_RUNS }, async () => {
  await daemon.start('--detach-on-exit');
  assert.equal(reads('/etc/shadow'), false);
  assert.equal(await daemon.end('SIGTERM'), 0);
  assert.equal(existsSync(daemon.pinDirectory), false);
  assert.equal(reads('/etc/shadow'), true);
});
