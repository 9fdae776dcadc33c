import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deviceNodes } from '../../../src/containers/device-nodes.js';
import { filesOf } from '../../../src/containers/process-files.js';

test('nodes are found with their numbers, and nothing else is', () => {
  assert.deepEqual(
    deviceNodes(filesOf(process.pid), ['/dev/null', '/etc/passwd', '/dev', '/none/there', '/dev/zero']),
    [
      { path: '/dev/null', type: 'character', major: 1, minor: 3 },
      { path: '/dev/zero', type: 'character', major: 1, minor: 5 },
    ],
  );
});

test('no link is followed on the way to a node', () => {
  assert.deepEqual(deviceNodes(filesOf(process.pid), ['/proc/self/root/dev/null', '/dev/stdin']), []);
});

test('for a process that has ended the devices of the host are used', () => {
  assert.deepEqual(deviceNodes(filesOf(2 ** 30), ['/dev/null', '/none/null'], ''), [
    { path: '/dev/null', type: 'character', major: 1, minor: 3 },
  ]);
});

test('a file with several hard links is found with the inode number of all its names, and one with a single link is not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-links-'));
  for (const name of ['one', 'first']) writeFileSync(join(directory, name), '');
  linkSync(join(directory, 'first'), join(directory, 'second'));
  const found = deviceNodes(
    filesOf(process.pid),
    ['one', 'first'].map((name) => join(directory, name)),
  );
  const { ino } = statSync(join(directory, 'second'), { bigint: true });
  assert.deepEqual(
    found.map(({ path, type, inode }) => [path, type, inode]),
    [[join(directory, 'first'), 'file', ino]],
  );
});

test('the filesystem of a file with several links has the numbers that its mount has, not those of stat(2)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-links-'));
  writeFileSync(join(directory, 'first'), '');
  linkSync(join(directory, 'first'), join(directory, 'second'));
  // As btrfs has it: each subvolume has a device of its own, and the mount that of all.
  const mounts = [
    { place: '', type: 'ext4', device: '8:1', root: '' },
    { place: directory, type: 'btrfs', device: '0:41', root: '/volume' },
  ];
  const [found] = deviceNodes({ root: '', mounts }, [join(directory, 'first')]);
  assert.deepEqual([found?.type, found?.major, found?.minor], ['file', 0, 41]);
});
