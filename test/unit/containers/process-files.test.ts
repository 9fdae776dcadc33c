import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { deviceNodes } from '../../../src/containers/device-nodes.js';
import { findLinks } from '../../../src/containers/find-links.js';
import { mountAliases } from '../../../src/containers/mount-aliases.js';
import { filesBelow, filesOf, mountsBelow } from '../../../src/containers/process-files.js';

/** As a runtime has it when it calls its hook: a process in the host's root that sees a container's root with its volumes. */
async function preparing(t: TestContext): Promise<{ pid: number; root: string }> {
  const bundle = mkdtempSync(join(tmpdir(), 'hauberk-bundle-'));
  t.after(() => rmSync(bundle, { recursive: true }));
  const root = join(bundle, 'merged');
  mkdirSync(join(bundle, 'volume'));
  for (const place of ['a', 'b']) mkdirSync(join(root, place), { recursive: true });
  const script = `cd ${bundle}; mount --bind merged merged; mount -t tmpfs x volume
    mkdir -p volume/releases/1; ln -s releases/1 volume/current; echo x >volume/first; ln volume/first volume/second
    for place in a b; do mount --bind volume merged/$place; done; echo ready; exec sleep 100`;
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', script];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { pid: child.pid!, root };
}

test('before a container is switched to its root, links, hard links and second mounts are found in its volumes', async (t) => {
  const { pid, root } = await preparing(t);
  const files = filesOf(pid, root, '');
  assert.deepEqual(files, filesBelow(pid, root));
  const named = new Set(['/a/current/key']);
  assert.deepEqual(findLinks(files, { paths: named, programs: new Set() }).links, { '/a/current': '/a/releases/1' });
  assert.deepEqual([...mountAliases(files.mounts, ['/a/secret', '/etc'])], [['/a/secret', '/b/secret']]);
  assert.deepEqual(
    deviceNodes(files, ['/b/first', '/a/current']).map(({ path, type }) => [path, type]),
    [['/b/first', 'file']],
  );
});

test('a way to the root with links on it leads there too', async (t) => {
  const { pid, root } = await preparing(t);
  const link = join(mkdtempSync(join(tmpdir(), 'hauberk-bundle-')), 'link');
  symlinkSync(root, link);
  assert.deepEqual(filesBelow(pid, link), filesBelow(pid, root));
});

test('a process that is in another root than the host has been switched to it', async (t) => {
  const { pid, root } = await preparing(t);
  assert.deepEqual(filesOf(pid, root, root), filesOf(pid));
  assert.deepEqual(filesOf(2 ** 30, root, ''), { root: `/proc/${2 ** 30}/root`, mounts: [] });
});

test('mounts are seen from a directory by their places below it, and the directory as part of what holds it', () => {
  const mount = (place: string, root = '') => ({ place, root, device: '8:1', type: 'ext4' });
  const mounts = [mount(''), mount('/var', '/var'), mount('/var/root/a', '/x'), mount('/var/rootless')];
  assert.deepEqual(mountsBelow(mounts, '/var/root'), [mount('', '/var/root'), mount('/a', '/x')]);
  assert.deepEqual(mountsBelow(mounts, '/var'), [mount('', '/var'), mount('/root/a', '/x'), mount('/rootless')]);
  assert.deepEqual(mountsBelow(mounts, ''), mounts);
  assert.deepEqual(mountsBelow([], '/var'), []);
});
