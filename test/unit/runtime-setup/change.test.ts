import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { applyChange, describeChange, fileChange } from '../../../src/runtime-setup/change.js';
import { hostWith, writeOn } from './support.js';

const FILE = '/etc/runtime.conf';

test('a file with the same content is not a change', (t) => {
  const host = hostWith(t, { [FILE]: 'a\n' });
  assert.equal(fileChange(host, FILE, 'a\n'), undefined);
  assert.equal(fileChange(host, '/missing', undefined), undefined);
});

test('a change is shown as a unified diff', (t) => {
  const host = hostWith(t, { [FILE]: 'a\nb\n' });
  assert.equal(
    describeChange(fileChange(host, FILE, 'a\nc\n')!),
    `--- ${FILE}\n+++ ${FILE}\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n`,
  );
  assert.equal(describeChange(fileChange(host, '/new', 'a\n')!), '--- /dev/null\n+++ /new\n@@ -0,0 +1,1 @@\n+a\n');
});

test('a copy of the former file is kept, with the same mode, and never over another copy', (t) => {
  const host = hostWith(t, { [FILE]: 'a\n' });
  chmodSync(host.at(FILE), 0o640);
  const now = new Date('2026-01-02T03:04:05.678Z');
  const first = applyChange(host, fileChange(host, FILE, 'b\n', { keepsCopy: true })!, now);
  const second = applyChange(host, fileChange(host, FILE, 'c\n', { keepsCopy: true })!, now);
  assert.deepEqual(
    [first, second],
    [`${FILE}.hauberk-backup-20260102T030405Z`, `${FILE}.hauberk-backup-20260102T030405Z.1`],
  );
  assert.deepEqual([host.readText(first!), host.readText(second!), host.readText(FILE)], ['a\n', 'b\n', 'c\n']);
  for (const path of [first!, second!, FILE]) assert.equal(statSync(host.at(path)).mode & 0o777, 0o640);
});

test('nothing but the file and its copy is left in the directory', (t) => {
  const host = hostWith(t, { [FILE]: 'a\n' });
  applyChange(host, fileChange(host, FILE, 'b\n')!);
  assert.deepEqual(readdirSync(host.at('/etc')), ['runtime.conf']);
});

test('a file that has changed since the change was shown is not overwritten', (t) => {
  const host = hostWith(t, { [FILE]: 'a\n' });
  const change = fileChange(host, FILE, 'b\n')!;
  writeOn(host, FILE, 'by somebody else\n');
  assert.throws(() => applyChange(host, change), { name: 'Failure', code: 'aborted' });
  assert.equal(host.readText(FILE), 'by somebody else\n');
});

test('a link stays a link, and its target is written', (t) => {
  const host = hostWith(t, { '/etc/real.conf': 'a\n' });
  symlinkSync('real.conf', host.at(FILE));
  applyChange(host, fileChange(host, FILE, 'b\n')!);
  assert.equal(readlinkSync(host.at(FILE)), 'real.conf');
  assert.equal(host.readText('/etc/real.conf'), 'b\n');
});

test('a link out of the root directory is not followed', (t) => {
  const host = hostWith(t, { '/etc/x': '' });
  symlinkSync('/etc/hostname', host.at(FILE));
  symlinkSync('/usr', host.at('/opt'));
  for (const path of [FILE, '/opt/new/file'])
    assert.throws(() => fileChange(host, path, 'b\n'), /leads out of .* by a link$/u, path);
});
