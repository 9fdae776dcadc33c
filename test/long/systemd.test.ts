import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { removePins } from '../support/daemon.js';
import { DeployedDaemon } from '../support/deployed-daemon.js';
import { docker, exec, startContainer } from '../support/docker.js';
import { Unit } from '../support/unit.js';

const unit = new Unit();
const daemon = new DeployedDaemon();
const HAUBERKD = [process.execPath, 'build/program/hauberkd.js'];
const TRACING = '/sys/kernel/tracing';
const SYSTEM_CALLS = `${TRACING}/events/raw_syscalls/sys_enter/trigger`;
const skip = !existsSync('/usr/bin/systemd-analyze') && 'systemd-analyze is not installed';
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: by-unit}
spec:
  selector: {matchLabels: {app: unit}}
  file: {matchPaths: [{path: /etc/shadow}]}
  process: {matchPaths: [{path: /bin/ls}]}`;

const reads = (container: string, path: string) => exec(container, '/bin/cat', path).status === 0;

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['--merged-usr', 'unit', '/bin/cat', '/bin/sleep', '/bin/ls', '/bin/chmod'], {
    stdio: 'inherit',
  });
  startContainer('unit', 'unit', '--label', 'app=unit');
  // A container whose root directory is accessible only to an owner other than root, as another user's image may be.
  startContainer('unit', 'closed', '--label', 'app=unit');
  assert.equal(exec('closed', '/bin/chmod', '0700', '/').status, 0);
  const pid = docker('inspect', '--format', '{{.State.Pid}}', 'closed').output.trim();
  execFileSync('chown', ['1000:1000', `/proc/${pid}/root/.`]);
});

after(async () => {
  await daemon.end();
  daemon.client.close();
  docker('rm', '-f', 'unit', 'closed');
  removePins('/sys/fs/bpf/hauberk');
});

test('systemd finds nothing wrong with the unit', { skip }, () => {
  // The unit names a program that is not installed here.
  const path = join(mkdtempSync(join(tmpdir(), 'hauberk-unit-')), 'hauberkd.service');
  writeFileSync(path, readFileSync(unit.path, 'utf8').replace('/usr/sbin/hauberkd', process.execPath));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  assert.equal(`${status} ${stdout}${stderr}`, '0 ');
});

test('the unit comes before every container runtime, and has the directories that are the defaults of the flags', () => {
  const names = ['docker', 'containerd', 'crio', 'podman', 'podman-restart', 'kubelet', 'k3s', 'k3s-agent'];
  const runtimes = names.map((name) => `${name}.service`);
  assert.deepEqual(unit.get('Before')?.split(' '), runtimes);
  const help = execFileSync(process.execPath, ['build/program/hauberkd.js', '--help'], { encoding: 'utf8' }).replace(
    /\s+/g,
    ' ',
  );
  assert.match(help, new RegExp(`unix:/run/${unit.get('RuntimeDirectory')}/hauberk\\.sock`));
  assert.match(help, new RegExp(`/var/lib/${unit.get('StateDirectory')}\\)`));
  assert.ok(help.includes(`(default ${unit.get('ReadWritePaths')}/hauberk)`));
});

test('with the privileges of the unit and no others hauberkd starts, and refuses an access', async () => {
  writeFileSync(`${TRACING}/options/event-fork`, '1');
  writeFileSync(SYSTEM_CALLS, 'hist:keys=id.syscall');
  // Traces the shell that becomes the daemon, and its children.
  const traced = ['bash', '-c', `echo $$ > ${TRACING}/set_event_pid && exec "$@"`, 'traced', ...unit.wrap(HAUBERKD)];
  const { pid } = await daemon.start(traced);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
    assert.equal(BigInt(`0x${new RegExp(`^${set}:\\s*(\\w+)$`, 'm').exec(status)![1]}`), capabilityMask(), set);
  assert.match(status, /^NoNewPrivs:\s*1$/m);
  assert.throws(() => writeFileSync(`/proc/${pid}/root/etc/written`, ''), /EROFS/);

  const events = await daemon.client.stream();
  await daemon.client.call('PolicyService', 'ApplyPolicy', { manifest: MANIFEST });
  for (const container of ['unit', 'closed']) {
    assert.equal(reads(container, '/etc/shadow'), false, container);
    // Its /bin is a link, which hauberkd must have read.
    assert.match(exec(container, '/bin/ls', '/').output, /ermission denied/, container);
    assert.equal(reads(container, '/etc/passwd'), true, container);
    const event = await events.find(
      ({ containerName, object }) => containerName === container && /shadow/.test(object),
    );
    assert.equal(event.policy, 'by-unit');
  }
  events.cancel();
});

test('the system call filter of the unit allows every call that hauberkd made', { skip }, async () => {
  await daemon.end();
  const histogram = readFileSync(SYSTEM_CALLS.replace(/trigger$/, 'hist'), 'utf8');
  writeFileSync(SYSTEM_CALLS, '!hist:keys=id.syscall');
  const used = new Set([...histogram.matchAll(/id: sys_(\w+)/g)].map(([, name]) => systemName(name!)));
  for (const name of ['bpf', 'futex', 'execve']) assert.ok(used.has(name), `${name} is not among ${[...used]}`);
  const allowed = unit.systemCalls;
  // Calls that set up the sandbox, which systemd makes before it installs the filter.
  const ofTheSandbox = [
    'mount',
    'unshare',
    'move_mount',
    'open_tree',
    'fsopen',
    'fsconfig',
    'fsmount',
    'mount_setattr',
  ];
  assert.deepEqual(
    [...used].filter((name) => !allowed.has(name) && !ofTheSandbox.includes(name)),
    [],
  );
});

test('without one of its privileges hauberkd names it and ends, or assumes what it cannot see', async () => {
  // Not needed to start, only to look into containers later.
  const laterUse = 'CAP_DAC_READ_SEARCH';
  for (const left of unit.capabilities.filter((name) => name !== laterUse)) {
    const [program, ...parameters] = unit.wrap(
      HAUBERKD,
      unit.capabilities.filter((name) => name !== left),
    );
    const { status, stderr } = spawnSync(program!, parameters, { encoding: 'utf8', timeout: 240_000 });
    assert.equal(status, 1, `${left}: ${stderr}`);
    assert.ok(stderr.includes(left), `${left}: ${stderr}`);
  }
  await daemon.start(
    unit.wrap(
      HAUBERKD,
      unit.capabilities.filter((name) => name !== laterUse),
    ),
  );
  const closed = async () => {
    const { containers } = await daemon.client.call('ContainerService', 'ListContainers');
    return containers.find(({ name }: { name: string }) => name === 'closed')?.pid;
  };
  const earlier = await closed();
  docker('restart', '--time', '0', 'closed');
  for (let tries = 0; tries < 300 && [undefined, earlier].includes(await closed()); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(reads('closed', '/etc/shadow'), false);
  // hauberkd could not see whether /bin is a link, and assumed it.
  assert.match(exec('closed', '/bin/ls', '/').output, /ermission denied/);
});

function capabilityMask(): bigint {
  const header = readFileSync('/usr/include/linux/capability.h', 'utf8');
  return unit.capabilities.reduce(
    (mask, name) => mask | (1n << BigInt(new RegExp(`#define ${name}\\s+(\\d+)`).exec(header)![1]!)),
    0n,
  );
}

/** systemd's name of a system call, given the name in the kernel's trace. */
function systemName(name: string): string {
  return name.replace(/^new(?=(?:f?stat|lstat|uname)$)/, '');
}
