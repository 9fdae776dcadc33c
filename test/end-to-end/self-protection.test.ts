import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { PINNED_MAPS } from '../../src/kernel/map-pins.js';
import { rawDiskMajors } from '../../src/kernel/raw-disk-majors.js';
import { createMap } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { pinOfMap } from '../support/map-pin.js';

/** A privileged container with the host's PID namespace and files: only its mount namespace is its own. */
const container = spawn('unshare', ['--mount', '--fork', '--kill-child', 'sleep', '100000'], { stdio: 'ignore' });
let inside = '';
const daemon = new Daemon();
const client = new Client(daemon.address);
const PINS = daemon.pinDirectory;
const STATE = join(daemon.directory, 'state');
const REACH = resolve('build/test/support/reach');
let events: EventStream;
let other = -1;

const HOST_POLICY = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: on-host}
spec: {nodeSelector: {matchLabels: {}}, file: {matchPaths: [{path: /tmp/host-secret}]}}`;

const HARDENED = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: hardened}
spec: {selector: {matchLabels: {}}, presets: [{name: hardened}], action: Block}`;

type Attempt = readonly string[];
/** Outcomes by attempt, as `build/test/support/reach` writes them. */
function outcomes(prefix: readonly string[], attempts: readonly Attempt[]): string[] {
  const [program, ...parameters] = [...prefix, REACH, ...attempts.flatMap((attempt) => [...attempt, ','])];
  return execFileSync(program!, parameters, { encoding: 'utf8' }).trimEnd().split('\n');
}
const tried = (...attempts: Attempt[]) => outcomes(['nsenter', '--target', inside, '--mount'], attempts);
/** By the host's root, in a temporary mount namespace. */
const triedByHost = (...attempts: Attempt[]) => outcomes(['unshare', '--mount'], attempts);
/** By a process that has neither started hauberkd nor is started by one that has. */
const triedFromOutside = (...attempts: Attempt[]) => outcomes(['setsid', '--fork', '--wait'], attempts);
const refused = (...attempts: Attempt[]) => attempts.map(([name]) => `${name} EPERM`);
const passed = (...attempts: Attempt[]) => attempts.map(([name]) => `${name} ok`);
const numbered = (lines: readonly string[]) =>
  new Map(lines.slice(0, -1).map((line) => line.split(' ') as [string, string]));

const pid = (): string => {
  const found = readdirSync('/proc').find((each) => {
    try {
      return /^\d+$/.test(each) && readFileSync(`/proc/${each}/cmdline`, 'utf8').includes(daemon.hookSocket);
    } catch {
      return false;
    }
  });
  return found!;
};
const build = () => readdirSync(join(PINS, 'programs'))[0]!;
/** The control group that the daemon starts in, with this process. */
const GROUP = '/sys/fs/cgroup/hauberk-test';
const pinOf = (program: string) => join(PINS, 'programs', build(), program);

before(async () => {
  mkdirSync(GROUP);
  writeFileSync(join(GROUP, 'cgroup.procs'), `${process.pid}`);
  await daemon.start('--docker-socket', 'off', '--detach-on-exit');
  await eventually(() => {
    inside = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8').trim();
    return inside !== '' && readFileSync(`/proc/${inside}/comm`, 'utf8') === 'sleep\n';
  });
  await client.call('ContainerService', 'RegisterContainer', { id: 'one', namespace: 'default', pid: Number(inside) });
  other = createMap(2, 'other', 4, 8, 1, null);
  assert.deepEqual((await client.call('HostService', 'GetStatus')).missingHooks, []);
  events = await client.stream({ policies: ['SelfProtection'] });
});

after(async () => {
  events?.cancel();
  client.close();
  if (other >= 0) closeDescriptor(other);
  await daemon.end('SIGTERM');
  container.kill('SIGKILL');
  rmSync('/tmp/linked-state', { force: true });
});

test("a container reaches none of Hauberk's maps by id, and others' as before", async () => {
  const maps = numbered(triedByHost(['maps']));
  for (const name of PINNED_MAPS) assert.ok([...maps.values()].includes(name.slice(0, 15)), name);
  for (const name of ['scratches', 'hauberk_image', 'hauberk.rodata'])
    assert.ok([...maps.values()].includes(name), name);
  const found = numbered(tried(['maps']));
  for (const [id, name] of maps) assert.equal(found.get(id), name === 'other' ? 'other' : 'EPERM', name);
  const event = await events.find(({ object }) => object === 'containers');
  assert.deepEqual([event.containerId, event.operation, event.result], ['one', 'use', 'RESULT_DENIED']);
});

test("a container reaches none of Hauberk's programs and links by id", () => {
  const programs = numbered(triedByHost(['programs']));
  const found = numbered(tried(['programs']));
  const own = [...programs].filter(([, name]) => name.startsWith('hauberk_'));
  assert.ok(own.length > 40);
  for (const [id, name] of own) assert.equal(found.get(id), 'EPERM', name);
  const links = numbered(triedByHost(['links']));
  assert.ok(links.size > 30);
  assert.deepEqual(
    [...numbered(tried(['links'])).values()],
    [...links].map(() => 'EPERM'),
  );
});

test('a container neither gets nor removes nor hides what is pinned', async () => {
  const map = pinOfMap(PINS, 'settings');
  const attempts = [
    ['get', map],
    ['get', pinOf('hauberk_claim')],
    ['unlink', map],
    ['rename', map, `${map}2`],
    ['rename', PINS, `${PINS}2`],
    ['mkdir', join(PINS, 'maps', 'more')],
    ['symlink', join(PINS, 'maps', 'link')],
    ['chmod', map],
    ['unlink', pinOf('hauberk_file_open')],
    ['rmdir', join(PINS, 'maps')],
    ['mount', PINS],
    ['bind', join(PINS, 'maps')],
  ];
  // Nobody can remove a directory of pins that is not empty, so no hook checks it.
  assert.deepEqual(
    tried(...attempts).map((line) => line.replace('ENOTEMPTY', 'EPERM')),
    refused(...attempts),
  );
  assert.deepEqual(triedByHost(['get', map], ['mount', PINS]), ['get ok', 'mount ok']);
  // Unmounting in an own mount namespace, as runtimes do when they create containers, affects nobody else.
  assert.deepEqual(
    outcomes(['nsenter', '--target', inside, '--mount', 'unshare', '--mount'], [['umount', '/sys/fs/bpf']]),
    passed(['umount']),
  );
  assert.equal(existsSync(map), true);
  // The pin of a link can be opened, but the link cannot be detached.
  assert.deepEqual(tried(['detach', pinOf('hauberk_file_open')]), ['detach EOPNOTSUPP']);
  await events.find(({ operation, object }) => operation === 'unlink' && object === 'hauberk_file_open');
});

test('a container can neither signal, trace nor modify the daemon', async () => {
  const attempts = [
    ['signal', pid(), '9'],
    ['signal-by-descriptor', pid(), '15'],
    ['memory', pid()],
    ['write-memory', pid()],
    ['get-descriptor', pid()],
    ['attach', pid()],
    ['enter', pid()],
    ['limit', pid()],
    ['open-to-write', join(GROUP, 'cgroup.kill')],
    ['open-to-write', join(GROUP, 'cgroup.procs')],
    ['open-by-handle-to-write', join(GROUP, 'cgroup.kill'), '/sys/fs/cgroup'],
  ];
  // Opening a file of /proc for a process that may not be traced fails with EACCES.
  assert.deepEqual(
    tried(...attempts).map((line) => line.replace('EACCES', 'EPERM')),
    refused(...attempts),
  );
  assert.deepEqual(tried(['signal', pid(), '0']), ['signal ok']);
  const harmless = attempts.filter(([name]) => !name!.startsWith('signal'));
  assert.deepEqual(triedByHost(...harmless), passed(...harmless));
  const event = await events.find(({ operation }) => operation === 'signal');
  assert.deepEqual([event.class, event.object], ['ACCESS_CLASS_PTRACE', process.execPath]);
});

test("a container opens neither the daemon's files nor its sockets", async () => {
  const entries = readdirSync(STATE, { recursive: true }).map((entry) => join(STATE, `${entry}`));
  const path = entries.find((entry) => statSync(entry).isFile())!;
  const attempts = [
    ['open', path],
    ['open', STATE],
    ['truncate', path],
    ['unlink', path],
    ['link', path, '/tmp/linked-state'],
    ['mkdir', join(STATE, 'more')],
    ['symlink', join(STATE, 'link')],
    ['rename', STATE, `${STATE}2`],
    ['mount', STATE],
    ['connect', daemon.address.replace('unix:', '')],
    ['connect', daemon.hookSocket],
  ];
  assert.deepEqual(tried(...attempts), refused(...attempts));
  const harmless = attempts.filter(([name]) => name === 'open' || name === 'connect');
  assert.deepEqual(triedByHost(...harmless), passed(...harmless));
  assert.match(await daemon.metrics(), /^hauberk_refusals_total\{cause="protected"\} [1-9]/m);
});

test('a container can still do everything that does not affect Hauberk', () => {
  mkdirSync(join(daemon.directory, 'beside'));
  const outsider = `${container.pid}`;
  const attempts = [
    ['open', daemon.directory],
    ['memory', outsider],
    ['limit', outsider],
    ['mount', join(daemon.directory, 'beside')],
    ['umount', join(daemon.directory, 'beside')],
    ['mkdir', join(daemon.directory, 'beside', 'more')],
    ['symlink', join(daemon.directory, 'beside', 'link')],
    ['unlink', join(daemon.directory, 'beside', 'link')],
    ['rmdir', join(daemon.directory, 'beside', 'more')],
    ['rename', join(daemon.directory, 'beside'), join(daemon.directory, 'aside')],
    ['rmdir', join(daemon.directory, 'aside')],
  ];
  assert.deepEqual(tried(...attempts), passed(...attempts));
});

test("the preset hardened keeps a container with all privileges from the host's devices, processes, kernel and namespaces", async () => {
  execFileSync('mknod', ['/tmp/raw-device', 'b', '7', '0']);
  execFileSync('mknod', ['/tmp/raw-memory', 'c', '1', '1']);
  execFileSync('mknod', ['/tmp/scsi-generic', 'c', '21', '0']);
  execFileSync('mknod', ['/tmp/block-generic', 'c', `${rawDiskMajors().bsg_major}`, '0']);
  const attempts = [
    ['open', '/tmp/raw-device'],
    ['open', '/tmp/raw-memory'],
    ['open', '/tmp/scsi-generic'],
    ['open', '/tmp/block-generic'],
    ['open', '/proc/1/root/etc/passwd'],
    ['open-to-write', '/proc/sys/kernel/core_pattern'],
    ['open-to-write', '/proc/sys/kernel/modprobe'],
    ['open-to-write', '/proc/sys/kernel/poweroff_cmd'],
    ['open-to-write', '/proc/sysrq-trigger'],
    ['module'],
    ['mount', '/mnt'],
    ['enter', '1'],
    ['maps'],
  ];
  const before = tried(...attempts);
  assert.deepEqual(
    before.filter((line) => / EPERM$| EACCES$/u.test(line) && /^[a-z]/u.test(line)),
    [],
  );
  await client.call('PolicyService', 'ApplyPolicy', { manifest: HARDENED });
  const hardened = tried(...attempts.slice(0, -1));
  assert.deepEqual(
    hardened.map((line) => line.replace('EACCES', 'EPERM')),
    refused(...attempts.slice(0, -1)),
  );
  // Not even the first id is reported.
  assert.deepEqual(tried(['maps']), ['maps ok']);
  const harmless = [
    ['open', '/dev/null'],
    ['open', '/etc/passwd'],
    ['open', '/proc/sys/kernel/core_pattern'],
    ['open-to-write', '/proc/sys/kernel/core_uses_pid'],
  ];
  assert.deepEqual(tried(...harmless), passed(...harmless));
  const reported = await client.stream({ policies: ['hardened'] });
  tried(['module'], ['open', '/tmp/raw-device'], ['open-to-write', '/proc/sysrq-trigger']);
  await reported.find(({ rule, object }) => rule === 'presets[0]' && object === 'sys_module');
  await reported.find(({ object }) => object === '/tmp/raw-device');
  await reported.find(({ object }) => object === '/proc/sysrq-trigger');
  reported.cancel();
  await client.call('PolicyService', 'DeletePolicy', { name: 'hardened', namespace: 'default' });
});

test('under a policy for the host its processes are refused the same, and whoever started the daemon may stop it', {
  skip: IN_LONG_RUNS,
}, async () => {
  const map = pinOfMap(PINS, 'settings');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: HOST_POLICY });
  const attempts = [
    ['get', map],
    ['unlink', map],
    ['open', STATE],
    ['mount', PINS],
    ['memory', pid()],
    ['signal', pid(), '9'],
  ];
  assert.deepEqual(
    triedFromOutside(...attempts).map((line) => line.replace('EACCES', 'EPERM')),
    refused(...attempts),
  );
  // In a mount namespace of their own, as services and containers start, processes may mount other directories.
  assert.deepEqual(triedByHost(['mount', '/sys/fs/bpf']), ['mount ok']);
  assert.equal(await daemon.end('SIGKILL'), 'SIGKILL');
  // While no daemon runs, the host may and a container may not.
  assert.deepEqual(triedFromOutside(['get', map], ['open', STATE]), ['get ok', 'open ok']);
  assert.deepEqual(tried(['get', map], ['unlink', map], ['open', STATE]), refused(['get'], ['unlink'], ['open']));
  await daemon.start('--docker-socket', 'off', '--detach-on-exit');
  assert.match(daemon.log, /has ended: this one takes over/);
  assert.equal((await client.call('HostService', 'GetStatus')).adopted, true);
  assert.deepEqual(triedFromOutside(['get', map]), refused(['get']));
  await client.call('PolicyService', 'DeletePolicy', { name: 'on-host', scope: 'SCOPE_HOST' });
  assert.deepEqual(triedFromOutside(['get', map]), passed(['get']));
});

test('a second daemon on the same pins is refused while the first runs', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      'build/program/hauberkd.js',
      ...['--bpffs-dir', PINS, '--state-dir', join(daemon.directory, 'second'), '--docker-socket', 'off'],
      ...['--listen', `unix:${join(daemon.directory, 'second.sock')}`, '--metrics', 'off'],
    ],
    { encoding: 'utf8', timeout: 100_000 },
  );
  assert.notEqual(status, 0);
  assert.match(stdout + stderr, /another hauberkd, process \d+, is running/);
});
