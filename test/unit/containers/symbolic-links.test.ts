import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { resolvePath } from '../../../src/containers/symbolic-links.js';

/** A root with these links, by name. */
function rootWith(links: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-links-'));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/bin/python3.11'), '');
  for (const [link, target] of Object.entries(links)) {
    mkdirSync(dirname(join(root, link)), { recursive: true });
    symlinkSync(target, join(root, link));
  }
  return root;
}

test('links in a path are followed within the root, whether relative, absolute or chained', () => {
  const root = rootWith({ '/bin': 'usr/bin', '/usr/bin/python3': 'python3.11', '/var/run': '/run' });
  assert.deepEqual(resolvePath(root, '/bin/python3'), {
    path: '/usr/bin/python3.11',
    links: [
      ['/bin', '/usr/bin'],
      ['/usr/bin/python3', '/usr/bin/python3.11'],
    ],
  });
  assert.deepEqual(resolvePath(root, '/var/run/a/../b'), { path: '/run/b', links: [['/var/run', '/run']] });
});

test('a missing component counts as no link, and no link leads out of the root', () => {
  const root = rootWith({ '/up': '../../../../etc', '/gone': '/nowhere/at/all' });
  assert.equal(resolvePath(root, '/up/passwd')?.path, '/etc/passwd');
  assert.equal(resolvePath(root, '/gone')?.path, '/nowhere/at/all');
  assert.deepEqual(resolvePath(root, '/etc/shadow'), { path: '/etc/shadow', links: [] });
});

test('a cycle of links has no target', () => {
  assert.equal(resolvePath(rootWith({ '/a': '/b', '/b': '/a' }), '/a/x'), undefined);
});
