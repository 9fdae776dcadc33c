import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CaseFoldingDirectories } from '../../../src/containers/case-folding.js';
import { mountAliases } from '../../../src/containers/mount-aliases.js';
import { mountsOf, slowPathsOf } from '../../../src/containers/mounts.js';

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-folded-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A root in which some files have a second name in the other case. */
function rootWith(t: TestContext, ...files: readonly (readonly [name: string, other?: string])[]): string {
  const root = newDirectory(t);
  for (const directory of ['a/b', 'z', 'plain']) mkdirSync(join(root, directory), { recursive: true });
  for (const [name, other] of files) {
    writeFileSync(join(root, name), '');
    if (other !== undefined) linkSync(join(root, name), join(root, other));
  }
  return root;
}

test('a directory in which a name in the other case is the same file folds case', (t) => {
  const root = rootWith(t, ['z/Key', 'z/kEY'], ['a/b/one', 'a/b/ONE'], ['plain/key'], ['plain/KEY'], ['plain/1']);
  const places = new CaseFoldingDirectories(root, mountsOf(process.pid));
  for (const path of ['/z/Key', '/plain/key', '/plain/1', '/none/there', '/a/b/one/below', '/z/Key']) places.look(path);
  assert.deepEqual(places.all, [
    { place: '/a/b', isFat: false },
    { place: '/z', isFat: false },
  ]);
});

test('directories at the top of a root are examined too', (t) => {
  const root = rootWith(t, ['Key', 'kEY']);
  const places = new CaseFoldingDirectories(root, mountsOf(process.pid));
  places.look('/a');
  assert.deepEqual(places.all, []);
  places.look('/Key');
  assert.deepEqual(places.all, [{ place: '/', isFat: false }]);
});

/** A process in a new mount namespace, in which these commands have run. */
async function mounted(t: TestContext, script: string): Promise<number> {
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', `${script}; echo ready; exec sleep 100`];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid!;
}

test('mounts are found with their paths, which may have any characters, and with the mounted part of the filesystem', async (t) => {
  const directory = newDirectory(t);
  for (const name of ['with space', 'one', 'two']) mkdirSync(join(directory, name));
  const script = `cd ${directory}; mount -t tmpfs x 'with space'; mkdir 'with space/in'; mount --bind 'with space/in' one`;
  const mounts = mountsOf(await mounted(t, script));
  const at = (name: string) => mounts.find(({ place }) => place === join(directory, name));
  const [space, one] = [at('with space'), at('one')];
  assert.deepEqual([space?.type, space?.root, one?.type, one?.root], ['tmpfs', '', 'tmpfs', '/in']);
  assert.match(space!.device, /^\d+:\d+$/u);
  assert.equal(one!.device, space!.device);
  assert.equal(mounts[0]!.place.endsWith('/'), false);
  assert.ok(mounts.some(({ place }) => place === ''));
  assert.deepEqual(
    [...mountAliases(mounts, [join(directory, 'one/key'), join(directory, 'two/key')])],
    [[join(directory, 'one/key'), join(directory, 'with space/in/key')]],
  );
});

test('no path is slow without mounts of slow filesystems, and every path is when the mounts cannot be read', () => {
  const isSlow = slowPathsOf(mountsOf(process.pid));
  assert.deepEqual(['/', '/proc/self', '/etc'].map(isSlow), [false, false, false]);
  assert.equal(slowPathsOf(mountsOf(2 ** 30))('/etc'), true);
});
