import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findLinkedElsewhere } from '../../../src/containers/hard-links.js';
import { filesOf } from '../../../src/containers/process-files.js';
import { finish } from '../../../src/steps.js';

describe('hard links elsewhere', () => {
  const base = mkdtempSync(join(tmpdir(), 'hauberk-hard-links-'));
  after(() => rmSync(base, { recursive: true }));
  mkdirSync(join(base, 'inside/below'), { recursive: true });
  mkdirSync(join(base, 'outside'));
  for (const name of ['inside/one', 'inside/both', 'inside/below/two', 'inside/alone'])
    writeFileSync(join(base, name), '');
  linkSync(join(base, 'inside/both'), join(base, 'inside/below/both'));
  linkSync(join(base, 'inside/below/two'), join(base, 'outside/two'));
  symlinkSync('../outside', join(base, 'inside/link'));
  symlinkSync('inside', join(base, 'way'));
  const search = (directory: string, isRecursive = true, left = 100) =>
    finish(findLinkedElsewhere(() => filesOf(process.pid), join(base, directory, '/'), isRecursive, { left }));

  test('files with names outside of a directory are found below it, and those with all names inside are not', () => {
    assert.deepEqual(search('inside'), { count: 1, path: join(base, 'inside/below/two'), links: 2n });
    assert.deepEqual(search('inside', false), { count: 1, path: join(base, 'inside/both'), links: 2n });
  });

  test('nothing is found where there is no directory, by a symbolic link, or where the names are too many', () => {
    assert.equal(search('nowhere'), undefined);
    assert.equal(search('way'), undefined);
    assert.equal(search('inside', true, 6), undefined);
    assert.notEqual(search('inside', true, 7), undefined);
  });

  test('a directory that a symbolic link replaces during the search is not entered', () => {
    mkdirSync(join(base, 'changing/below'), { recursive: true });
    const steps = findLinkedElsewhere(() => filesOf(process.pid), join(base, 'changing/'), true, { left: 100 });
    assert.equal(steps.next().done, false);
    renameSync(join(base, 'changing/below'), join(base, 'changed'));
    symlinkSync('../inside/below', join(base, 'changing/below'));
    assert.deepEqual(steps.next(), { done: true, value: undefined });
  });

  test('other work can run after every 64 names, and a directory that a symbolic link replaces then is left', () => {
    const flat = join(base, 'flat');
    mkdirSync(flat);
    for (let index = 0; index < 200; index++) writeFileSync(join(flat, `${index}`), '');
    const steps = () => findLinkedElsewhere(() => filesOf(process.pid), `${flat}/`, true, { left: 1000 });
    assert.equal([...steps()].length, 4);
    const replaced = steps();
    replaced.next();
    renameSync(flat, join(base, 'moved'));
    symlinkSync('moved', flat);
    assert.equal([...replaced].length, 1);
  });

  test('a file whose path is too long to be looked up is passed over', () => {
    // By its own path it can be made; by that of its container's root it is longer than the kernel takes.
    const length = 4090 - join(base, 'deep').length;
    const parts = Array.from({ length: Math.floor((length - 50) / 150) }, () => 'd'.repeat(149));
    mkdirSync(join(base, 'deep', ...parts), { recursive: true });
    writeFileSync(join(base, 'deep', ...parts, 'f'.repeat(length - parts.length * 150 - 1)), '');
    writeFileSync(join(base, 'deep/file'), '');
    linkSync(join(base, 'deep/file'), join(base, 'outside/file'));
    assert.equal(search('deep')?.path, join(base, 'deep/file'));
  });
});
