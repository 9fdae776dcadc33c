import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findLinks } from '../../../src/containers/find-links.js';
import { mountsOf } from '../../../src/containers/mounts.js';
import { namedIn } from '../../../src/policy/named-paths.js';
import { bind } from '../policy/support.js';

const root = mkdtempSync(join(tmpdir(), 'hauberk-found-'));
for (const [link, target] of Object.entries({
  '/usr/bin/nc': '/bin/busybox',
  '/bin/sh': 'busybox',
  '/usr/bin/python3': 'python3.11',
  '/var/run': '/run',
  '/run/secrets/token': '..data/token',
  '/run/secrets/..data': '..2026_01_01',
})) {
  mkdirSync(dirname(join(root, link)), { recursive: true });
  symlinkSync(target, join(root, link));
}
mkdirSync(join(root, 'run/secrets/..2026_01_01'));
for (const file of ['bin/busybox', 'usr/bin/python3.11']) writeFileSync(join(root, file), '');

const found = (...rules: Parameters<typeof bind>[0][]) =>
  findLinks({ root, mounts: mountsOf(process.pid) }, namedIn(rules.map((rule) => bind(rule).rule)));

test('links are found in paths, directories, patterns and sources', () => {
  const { links } = found(
    { match: { kind: 'exact', path: '/usr/bin/python3' } },
    { match: { kind: 'pattern', pattern: '/{etc,var/run}/*.pid' }, sources: ['/bin/sh'] },
    { match: { kind: 'directory', directory: '/etc/', recursive: true } },
  );
  assert.deepEqual(links, {
    '/usr/bin/python3': '/usr/bin/python3.11',
    '/var/run': '/run',
    '/bin/sh': '/bin/busybox',
  });
});

test('a program with several names is distinguished from one that only has the name in the rule', () => {
  const process = { class: 'process' } as const;
  assert.deepEqual(found({ ...process, match: { kind: 'exact', path: '/usr/bin/nc' } }).shared, ['/bin/busybox']);
  assert.deepEqual(found({ ...process, match: { kind: 'exact', path: '/usr/bin/python3' } }).shared, []);
  assert.deepEqual(found({ match: { kind: 'exact', path: '/usr/bin/nc' } }).shared, []);
});

test('a link that the host may change at any time is not followed, and is named with its directory', () => {
  const { links, changing } = found({ match: { kind: 'exact', path: '/var/run/secrets/token' } });
  assert.deepEqual([links, changing], [{}, { '/var/run/secrets/token': '/run/secrets' }]);
});
