import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  type GuardedProcess,
  guardedProcesses,
  lookAtHost,
  requireUnharmed,
  whatWouldStop,
} from '../../../src/control/host-guard.js';
import { hostNeeds } from '../../../src/control/host-needs.js';
import type { Failure } from '../../../src/failure.js';
import { CAPABILITIES } from '../../../src/policy/capability.js';
import type { Postures, Rule } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
import { eventually } from '../../support/eventually.js';
import { bind } from '../policy/support.js';

const ALLOWING = { process: 'audit', file: 'audit', network: 'audit', capabilities: 'audit' } as const;

/** A host with sshd, a user whose shell is dash, and Docker. */
function host(): string {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  const files: Record<string, string> = {
    '/etc/passwd': 'root:x:0:0:root:/root:/usr/bin/dash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n',
    '/run/docker/runtime': '',
    '/run/resolved/stub.conf': '',
  };
  for (const path of ['/usr/sbin/sshd', '/usr/bin/dash', '/usr/sbin/nologin', '/etc/shadow', '/etc/pam.d/sshd'])
    files[path] = '';
  for (const path of ['/etc/ssh/ssh_host_ed25519_key', '/root/.ssh/authorized_keys', '/etc/nsswitch.conf'])
    files[path] = '';
  for (const path of ['/etc/ld.so.cache', '/etc/hosts', '/etc/ssh/sshd_config.d/local.conf', '/etc/docker/daemon.json'])
    files[path] = '';
  for (const path of ['/usr/lib/openssh/sshd-session', '/usr/lib/systemd/systemd', '/usr/sbin/runc', '/run/runc/web'])
    files[path] = '';
  for (const path of ['/dev/null', '/dev/tty', '/dev/pts/ptmx', '/dev/urandom', '/dev/tty1']) files[path] = '';
  for (const path of ['/proc/1/mountinfo', '/proc/1/oom_score_adj', '/sys/fs/cgroup/cgroup.procs']) files[path] = '';
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  // As in several distributions; absolute links are resolved in the host's root, wherever that is mounted.
  symlinkSync('/run/resolved/stub.conf', join(root, 'etc/resolv.conf'));
  symlinkSync('pts/ptmx', join(root, 'dev/ptmx'));
  symlinkSync('usr/sbin', join(root, 'sbin'));
  symlinkSync('/usr/lib/systemd/systemd', join(root, 'usr/sbin/init'));
  return root;
}

const root = host();

function problems(...rules: readonly Partial<Rule>[]): string[] {
  const bound = rules.map((rule) => bind({ id: 'file.matchPaths[0]', ...rule }));
  return finish(whatWouldStop([], hostNeeds(['/usr/bin/dockerd'], root), bound, ALLOWING));
}

for (const path of [
  ...['/etc/passwd', '/etc/shadow', '/etc/nsswitch.conf', '/etc/pam.d/sshd', '/etc/ssh/ssh_host_ed25519_key'],
  ...['/etc/ssh/sshd_config.d/local.conf', '/root/.ssh/authorized_keys', '/etc/ld.so.cache', '/etc/hosts'],
  // What a link in /etc leads to.
  '/run/resolved/stub.conf',
]) {
  test(`a policy for the host that blocks ${path} would keep people from logging in`, () => {
    const [first] = problems({ match: { kind: 'exact', path } });
    assert.match(first ?? '', new RegExp(`^/usr/sbin/sshd could not read ${path}: policy `, 'u'));
  });
}

test('a policy for the host that blocks /etc, a shell or the state of a container runtime is refused', () => {
  const below = (directory: string) => ({ match: { kind: 'directory', directory, recursive: true } }) as const;
  assert.match(problems(below('/etc/'))[0] ?? '', /could not read \/etc\//u);
  const program = (path: string) =>
    problems({ class: 'process', match: { kind: 'exact', path } }).map((text) => text.split(':')[0]);
  assert.deepEqual(program('/usr/bin/dash'), [
    '/usr/sbin/sshd could not execute /usr/bin/dash',
    '/usr/lib/openssh/sshd-session could not execute /usr/bin/dash',
  ]);
  const [first] = problems({ ...below('/run/docker/'), readOnly: true });
  assert.match(first ?? '', /^\/usr\/bin\/dockerd could not write \/run\/docker\/state: policy /u);
  assert.match(problems(below('/run/runc/'))[0] ?? '', /^\/usr\/sbin\/runc could not read \/run\/runc\/state: /u);
  assert.match(problems(below('/etc/docker/'))[0] ?? '', /^\/usr\/bin\/dockerd could not read \/etc\/docker\/daemon/u);
});

test('a policy for the host that keeps logins from the devices of terminals, or everybody from /dev/null, is refused', () => {
  const stopped = (rule: Partial<Rule>) => problems(rule).map((text) => text.split(':')[0]);
  const device = (path: string) => stopped({ match: { kind: 'exact', path } });
  assert.deepEqual(stopped({ match: { kind: 'directory', directory: '/dev/', recursive: true } }).slice(0, 2), [
    '/usr/sbin/sshd could not read /dev/null',
    '/usr/sbin/sshd could not write /dev/null',
  ]);
  assert.ok(device('/dev/null').includes('/usr/bin/dockerd could not write /dev/null'));
  for (const path of ['/dev/tty', '/dev/pts/ptmx', '/dev/pts/0'])
    for (const program of ['/usr/sbin/sshd', '/usr/bin/dash'])
      assert.ok(device(path).includes(`${program} could not write ${path}`), `${program} ${path}`);
  assert.ok(device('/dev/urandom').includes('/usr/sbin/sshd could not read /dev/urandom'));
  assert.deepEqual([device('/dev/tty1'), device('/dev/sda')], [[], []]);
  const withConsole = host();
  writeFileSync(join(withConsole, '/usr/sbin/agetty'), '');
  const needed = [...hostNeeds([], withConsole)].filter(({ path }) => path === '/dev/tty1');
  assert.deepEqual(
    needed.map(({ program, operation }) => `${program} ${operation}`),
    ['/usr/sbin/agetty read', '/usr/sbin/agetty write'],
  );
});

test('a policy for the host that keeps process 1 or a container runtime from control groups or from /proc is refused', () => {
  const bound = (directory: string) => [bind({ match: { kind: 'directory', directory, recursive: true } })];
  const stopped = (program: string, directory: string) =>
    finish(whatWouldStop([], hostNeeds([program], root), bound(directory), ALLOWING)).map((text) => text.split(':')[0]);
  for (const program of ['/usr/lib/systemd/systemd', '/usr/bin/dockerd']) {
    const groups = stopped(program, '/sys/fs/cgroup/');
    assert.ok(groups.includes(`${program} could not create /sys/fs/cgroup/state`), groups.join());
    const processes = stopped(program, '/proc/');
    assert.ok(processes.includes(`${program} could not read /proc/1/mountinfo`), processes.join());
    assert.ok(processes.includes(`${program} could not write /proc/1/oom_score_adj`), processes.join());
  }
  assert.deepEqual(stopped('/usr/sbin/sshd', '/sys/'), []);
});

test('a policy for the host that keeps process 1 from starting sshd, or sshd from starting its helpers, is refused', () => {
  const program = (path: string) =>
    problems({ class: 'process', match: { kind: 'exact', path } }).map((text) => text.split(':')[0]);
  assert.deepEqual(program('/usr/sbin/sshd'), [
    '/usr/lib/systemd/systemd could not execute /usr/sbin/sshd',
    '/usr/sbin/sshd could not execute /usr/sbin/sshd',
  ]);
  assert.ok(
    program('/usr/lib/openssh/sshd-session').includes('/usr/sbin/sshd could not execute /usr/lib/openssh/sshd-session'),
  );
});

test('files that no login needs can be blocked, also for other programs those that logins read', () => {
  assert.deepEqual(problems({ match: { kind: 'exact', path: '/srv/secret' } }), []);
  assert.deepEqual(problems({ class: 'process', match: { kind: 'exact', path: '/usr/sbin/nologin' } }), []);
  assert.deepEqual(problems({ match: { kind: 'exact', path: '/etc/shadow' }, sources: ['/usr/bin/cat'] }), []);
});

test('thousands of rules are checked in steps that yield to other work', () => {
  const rules = Array.from({ length: 3000 }, (_, index) =>
    bind({ id: `file.matchPaths[${index}]`, match: { kind: 'exact', path: `/srv/${index}` } }),
  );
  const requested = [...hostNeeds(['/usr/bin/dockerd'], root)];
  let steps = 0;
  for (const work = whatWouldStop([], requested, rules, ALLOWING); !work.next().done; ) steps++;
  assert.ok(
    requested.length > 10 && steps > (requested.length * rules.length) / 100,
    `${steps} for ${requested.length}`,
  );
});

const SSHD: GuardedProcess = {
  name: 'sshd',
  program: '/usr/sbin/sshd',
  files: ['/usr/lib/libc.so'],
  capabilities: ['net_raw', 'kill'],
};

/** The accesses of sshd that the rules would refuse. */
function stopped(rule: Partial<Rule>, guarded = [SSHD], postures: Postures = ALLOWING): string[] {
  const by = /: policy default\/sample, (?:rule|file\.matchPaths\[0\])$/u;
  return finish(whatWouldStop(guarded, [], [bind({ id: 'rule', ...rule })], postures)).map((text) =>
    text.replace(by, ''),
  );
}

test('a needed program must stay executable, by itself and by the others', () => {
  const shim = { ...SSHD, name: 'dockerd', program: '/usr/bin/dockerd' };
  const rule = { class: 'process', match: { kind: 'exact', path: SSHD.program } } as const;
  assert.deepEqual(stopped(rule), ['sshd could not be run by /usr/sbin/sshd']);
  assert.deepEqual(stopped(rule, [SSHD, shim]), [
    'sshd could not be run by /usr/sbin/sshd',
    'sshd could not be run by /usr/bin/dockerd',
  ]);
  assert.deepEqual(stopped({ ...rule, sources: ['/usr/bin/other'] }), []);
});

test('the files, sockets and capabilities of a needed program must stay allowed', () => {
  const cases: readonly (readonly [rule: Partial<Rule>, stops: readonly string[]])[] = [
    [{ match: { kind: 'exact', path: '/usr/lib/libc.so' } }, ['read /usr/lib/libc.so']],
    [{ match: { kind: 'exact', path: '/usr/lib/libc.so' }, operations: ['map'] }, ['map /usr/lib/libc.so']],
    [{ class: 'capabilities', match: { kind: 'capability', capability: 'kill' } }, ['use the capability kill']],
    [{ class: 'capabilities', match: { kind: 'capability', capability: 'chown' } }, []],
    [
      { class: 'network', match: { kind: 'protocol', protocol: 'tcp' } },
      ['use a socket of family inet', 'use a socket of family inet6'],
    ],
    [{ class: 'network', match: { kind: 'family', family: 'netlink' } }, ['use a socket of family netlink']],
    [{ class: 'network', match: { kind: 'family', family: 'unix' } }, ['use a socket of family unix']],
    [{ class: 'filesystems', match: { kind: 'filesystem', type: 'tmpfs' } }, ['open files on tmpfs']],
    [{ class: 'filesystems', match: { kind: 'filesystem', type: 'vfat' } }, []],
    [{ class: 'presets', match: { kind: 'preset', preset: 'protectProc' } }, ['do what protectProc forbids']],
    [{ class: 'presets', match: { kind: 'preset', preset: 'anonymousMapExec' } }, ['do what anonymousMapExec forbids']],
  ];
  const fileless = { class: 'presets', match: { kind: 'preset', preset: 'filelessExec' } } as const;
  assert.deepEqual(stopped(fileless), []);
  const shim = { ...SSHD, name: 'containerd-shim', program: '/usr/bin/containerd-shim-runc-v2' };
  assert.deepEqual(stopped(fileless, [shim]), ['containerd-shim could not do what filelessExec forbids']);
  for (const [rule, stops] of cases)
    assert.deepEqual(
      stopped(rule),
      stops.map((what) => `sshd could not ${what}`),
      JSON.stringify(rule.match),
    );
});

test('an access that no rule allows is reported with the posture, and at most ten are reported', () => {
  const allowing = { match: { kind: 'exact', path: '/srv' }, action: 'Allow' } as const;
  const files = Array.from({ length: 12 }, (_, index) => `/lib/${index}`);
  const problems = stopped(allowing, [{ ...SSHD, files }], { ...ALLOWING, file: 'block' });
  assert.equal(problems.length, 10);
  const why = 'no rule of class file allows it, and the default posture is block';
  assert.equal(problems[0], `sshd could not read /lib/0: ${why}`);
  assert.deepEqual(stopped(allowing), []);
});

test('a policy that only reports does not harm the host, and one that does is refused with what it would stop', async () => {
  const rule = { class: 'process', match: { kind: 'exact', path: SSHD.program } } as const;
  const needs = async () => ({ guarded: [SSHD], needs: [] });
  await requireUnharmed([bind(rule, { mode: 'audit' })], ALLOWING, () => assert.fail('looked at'));
  await requireUnharmed([bind({ match: { kind: 'exact', path: '/srv' } })], ALLOWING, needs);
  const rules = [bind(rule, { mode: 'audit', name: 'other' }), bind({ ...rule, id: 'rule' })];
  await assert.rejects(requireUnharmed(rules, ALLOWING, needs), ({ code, message }: Failure) => {
    assert.equal(code, 'failed-precondition');
    assert.equal(
      message,
      'the host would be harmed:\n- sshd could not be run by /usr/sbin/sshd: policy default/sample, rule\n' +
        'to apply it all the same, force it; hauberkd --rescue starts without policies for the host',
    );
    return true;
  });
});

test('this process and needed programs are guarded by name, with their files and capabilities', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-guard-'));
  // The kernel keeps fifteen characters of a name.
  const names = ['runc', 'runcx', 'containerd-shim'];
  const programs = names.map((name) => join(directory, name));
  for (const [index, program] of programs.entries()) {
    copyFileSync('/bin/sleep', program);
    chmodSync(program, 0o755);
    // Two processes, for which the program is guarded once.
    for (let time = 0; time < 2; time++) {
      const child = spawn(program, ['100']);
      t.after(() => child.kill());
      await once(child, 'spawn');
      await eventually(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim() === names[index]);
      await eventually(() => readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes('/libc'));
    }
  }
  const guarded = guardedProcesses();
  const found = guarded.filter(({ program }) => programs.includes(program));
  assert.deepEqual(found.map(({ name, program }) => [name, program]).sort(), [
    ['containerd-shim', programs[2]],
    ['runc', programs[0]],
  ]);
  for (const { program, files } of found) {
    assert.ok(files.includes(program) && files.some((file) => /\/libc[.-]/u.test(file)), files.join());
    assert.equal(new Set(files).size, files.length);
  }
  const own = guarded.find(({ program }) => program === process.execPath);
  assert.equal(own?.name, 'hauberkd');
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync('/proc/self/status', 'utf8'))!;
  const bits = [...BigInt(`0x${effective}`).toString(2)].reverse();
  assert.deepEqual(
    own?.capabilities,
    CAPABILITIES.filter((_, number) => bits[number] === '1'),
  );
  const host = await lookAtHost(root);
  assert.deepEqual(
    host.guarded.map(({ program }) => program),
    guarded.map(({ program }) => program),
  );
  assert.ok([...host.needs].some(({ path }) => path === '/etc/shadow'));
});
