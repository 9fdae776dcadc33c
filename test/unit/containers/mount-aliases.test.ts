import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountAliases } from '../../../src/containers/mount-aliases.js';
import { mountsOf } from '../../../src/containers/mounts.js';

const mount = (place: string, device: string, root = '') => ({ place, device, root, type: 'ext4' });
const MOUNTS = [
  mount('', '0:50'),
  mount('/data', '8:1', '/volumes/a'),
  mount('/backup', '8:1', '/volumes'),
  mount('/etc/hosts', '8:1', '/docker/hosts'),
  mount('/cache', '8:2'),
  mount('/mine', '8:2', '/below/here'),
];
const names = (...places: string[]) => Object.fromEntries(mountAliases(MOUNTS, places));

test('a tree that is mounted twice has two names, and so has everything in it', () => {
  assert.deepEqual(names('/data', '/data/keys/key', '/backup/a/keys', '/backup/other'), {
    '/data': '/backup/a',
    '/data/keys/key': '/backup/a/keys/key',
    '/backup/a/keys': '/data/keys',
  });
});

test('a directory of which a part is also mounted elsewhere has an alias for that part', () => {
  assert.deepEqual(names('/cache/below', '/cache', '/mine/x', '/cache/other'), {
    '/cache/below': '/mine',
    '/cache': '/mine',
    '/mine/x': '/cache/below/here/x',
  });
});

test('a tree that is mounted once has no alias, and for a process that has ended none is known', () => {
  assert.deepEqual(names('/etc/hosts', '/etc/shadow', '/proc/1'), {});
  assert.ok(mountsOf(process.pid).some(({ place, type }) => place === '/proc' && type === 'proc'));
  assert.deepEqual(mountsOf(2 ** 30), []);
});
