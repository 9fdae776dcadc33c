import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-support-'));
after(() => rmSync(directory, { recursive: true }));

/** The output of `hauberkd --check` with a file of the kernel replaced. */
function check(path: string, replacement: string) {
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const command = [
    process.execPath,
    'build/program/hauberkd.js',
    '--check',
    '--bpffs-dir',
    '/sys/fs/bpf/hauberk-support',
  ];
  const parameters = ['--mount', 'bash', '-c', script, 'bash', replacement, path, ...command];
  const { status, stdout, stderr } = spawnSync('unshare', parameters, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('when bpf is not among the active security modules, the remedy is reported', () => {
  const modules = join(directory, 'lsm');
  writeFileSync(modules, 'lockdown,capability,apparmor');
  const { status, output } = check('/sys/kernel/security/lsm', modules);
  assert.equal(status, 1, output);
  assert.match(output, /bpf is not among the active Linux security modules \(lockdown,capability,apparmor\)/);
  assert.match(output, /boot with lsm=lockdown,capability,apparmor,bpf on the kernel command line/);
});

test('when the kernel has no type information, the build option for it is reported', () => {
  const { status, output } = check('/sys/kernel/btf', directory);
  assert.equal(status, 1, output);
  assert.match(output, /carries no type information .*CONFIG_DEBUG_INFO_BTF=y/);
});
