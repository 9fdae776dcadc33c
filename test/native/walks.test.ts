import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PATH_RESULTS } from '../../src/kernel/path-results.js';
import { readingConstants } from '../../src/kernel/reading-constants.js';
import { checked } from '../../src/native/kernel-error.js';
import { lookupElement, runProgram, takeWarnings, updateElement } from '../../src/native/libbpf.js';
import { setConstants } from '../../src/native/object-constants.js';
import {
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  mapDescriptor,
  nextProgram,
  openObject,
  type Pointer,
  programDescriptor,
} from '../../src/native/object-functions.js';
import { PATH_BUFFER_BYTES, PATH_BYTES_MAX } from '../support/path-buffer.js';

/** struct walks of bpf/path.bpf.c, up to its path. */
const RESULTS = [...PATH_RESULTS, 'internal'];
const ROUNDS_OFFSET = 64;
const LENGTH_OFFSET = 68;
const BYTES_OFFSET = 72;
const WALKS_BYTES = BYTES_OFFSET + PATH_BUFFER_BYTES;
const FIRST = Uint32Array.of(0);
const ROUNDS = 20_000;
const DEPTH = 20;
/** Renames a directory again and again until it is killed. */
const RENAMER = `use strict; my ($d) = @ARGV; $| = 1; print "begins\\n";
while (1) { rename "$d/a", "$d/b"; rename "$d/b", "$d/a" }`;

const NAME_BYTES_MAX = 255;

const home = process.cwd();
const directory = mkdtempSync('/dev/shm/walks-');
/** Ways to read kernel memory: by plain instructions, where this kernel supports them, and by a helper. */
const WAYS = { direct: readingConstants(), helper: { has_rdonly_cast: 0 } };
const objects = Object.values(WAYS).map((constants) => {
  const object = checkedPointer('open', openObject('build/bpf/path.bpf.o', null));
  setConstants(object, constants);
  assert.ok(loadObject(object) >= 0, takeWarnings().join('\n'));
  return object;
});
after(() => {
  process.chdir(home);
  objects.forEach(closeObject);
  // Not by Node.js: paths in it exceed the limit of system calls.
  execFileSync('rm', ['-rf', directory]);
});

/** Walks up from the working directory, as if something else were renamed during each walk. */
function walkUp(object: Pointer, rounds = ROUNDS): { results: Readonly<Record<string, number>>; path: string } {
  const program = checked('program', programDescriptor(nextProgram(object, null)));
  const map = checked('map', mapDescriptor(findMap(object, 'walks')));
  const walks = Buffer.alloc(WALKS_BYTES);
  walks.writeUInt32LE(rounds, ROUNDS_OFFSET);
  checked('rounds', updateElement(map, FIRST, walks, 0));
  checked('run', runProgram(program));
  checked('results', lookupElement(map, FIRST, walks));
  const counts = RESULTS.map((name, index) => [name, walks.readUInt32LE(index * 4)] as const);
  const end = BYTES_OFFSET + PATH_BYTES_MAX;
  return {
    results: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    path: walks.subarray(end - walks.readUInt32LE(LENGTH_OFFSET), end).toString(),
  };
}

/** The same from a directory. */
function walk(object: Pointer, from: string) {
  process.chdir(from);
  try {
    return walkUp(object);
  } finally {
    process.chdir(home);
  }
}

const below = (top: string) => join(directory, top, ...Array.from({ length: DEPTH }, (_, index) => `d${index}`));

test('constant renames elsewhere do not prevent a walk from finding its path', () => {
  mkdirSync(below('a'), { recursive: true });
  for (const object of objects) {
    const { results, path } = walk(object, below('a'));
    assert.deepEqual(results, { resolved: ROUNDS });
    assert.ok(path.endsWith(`${below('a')}/`), path);
  }
});

test('a path is read completely for any lengths of its names, unless it is too long', () => {
  // Each length occurs at many positions in the path: 1 to 64, where names begin to be stored outside their dentries, and the longest.
  const lengths = [...Array.from({ length: 64 }, (_, index) => 1 + ((index * 37) % 64)), 200, NAME_BYTES_MAX, 128];
  process.chdir(directory);
  let path = directory;
  for (let index = 0; path.length < PATH_BYTES_MAX; index++) {
    const length = lengths[index % lengths.length]!;
    const name = String(index).padEnd(length, 'abcdefghijklmnopqrstuvwxyz').slice(0, length);
    mkdirSync(name, { recursive: true });
    process.chdir(name);
    path += `/${name}`;
    for (const object of objects) {
      const found = walkUp(object, 1);
      if (found.results['too-long'] === 1) {
        // The tree may be below a mount point, whose path comes first.
        assert.ok(path.length > PATH_BYTES_MAX - NAME_BYTES_MAX, path);
        continue;
      }
      assert.deepEqual(found.results, { resolved: 1 });
      assert.ok(found.path.endsWith(`${path}/`), `${found.path} is not ${path}`);
    }
  }
});

test('while a directory is renamed, paths in it have its old name or its new one', async () => {
  const renamer = spawn('perl', ['-e', RENAMER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(renamer.stdout, 'data');
    const held = below('a').replace(directory, '');
    for (let attempt = 0; attempt < 40; attempt++) {
      try {
        const { results, path } = walk(objects[attempt % objects.length]!, join(directory, held));
        assert.deepEqual(
          Object.keys(results).filter((each) => each !== 'resolved' && each !== 'unstable'),
          [],
        );
        if (results.resolved === ROUNDS)
          assert.ok(
            ['a', 'b'].some((top) => path.endsWith(`${below(top)}/`)),
            path,
          );
      } catch (error) {
        // The directory had its other name at that moment.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  } finally {
    renamer.kill();
    // Waits for its end, since it would rename the directory that is about to be removed.
    await once(renamer, 'exit');
  }
});
