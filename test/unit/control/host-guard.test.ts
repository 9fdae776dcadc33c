import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { whatWouldStop } from '../../../src/control/host-guard.js';
import { hostNeeds } from '../../../src/control/host-needs.js';
import type { Rule } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
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
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  // Each as another distribution has it; absolute links lead within the host's root, wherever that is seen.
  symlinkSync('/run/resolved/stub.conf', join(root, 'etc/resolv.conf'));
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

test('so would one that blocks all of /etc, a shell, or the state of a container runtime', () => {
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

test('so would one that keeps process 1 from starting sshd, or sshd from starting its own parts', () => {
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

test('what no login needs may be blocked, and so may what logins read for other programs', () => {
  assert.deepEqual(problems({ match: { kind: 'exact', path: '/srv/secret' } }), []);
  assert.deepEqual(problems({ class: 'process', match: { kind: 'exact', path: '/usr/sbin/nologin' } }), []);
  assert.deepEqual(problems({ match: { kind: 'exact', path: '/etc/shadow' }, sources: ['/usr/bin/cat'] }), []);
});

test('thousands of rules are checked in steps, and nowhere in one go', () => {
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
