import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  checked,
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  lookupElement,
  mapDescriptor,
  nextProgram,
  openObject,
  programDescriptor,
  runProgram,
  takeWarnings,
  updateElement,
} from '../../src/kernel/libbpf.js';
import { PATH_RESULTS } from '../../src/kernel/path-results.js';
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
/** Renames a directory, again and again, until it is ended. */
const RENAMER = `use strict; my ($d) = @ARGV; $| = 1; print "begins\\n";
while (1) { rename "$d/a", "$d/b"; rename "$d/b", "$d/a" }`;

const home = process.cwd();
const object = checkedPointer('open', openObject('build/bpf/path.bpf.o', null));
const directory = mkdtempSync('/dev/shm/walks-');
after(() => {
  process.chdir(home);
  closeObject(object);
  rmSync(directory, { recursive: true });
});

/** Walks up from a directory, as if something were renamed elsewhere during each walk. */
function walk(from: string): { readonly results: Readonly<Record<string, number>>; readonly path: string } {
  const program = checked('program', programDescriptor(nextProgram(object, null)));
  const map = checked('map', mapDescriptor(findMap(object, 'walks')));
  const walks = Buffer.alloc(WALKS_BYTES);
  walks.writeUInt32LE(ROUNDS, ROUNDS_OFFSET);
  checked('rounds', updateElement(map, FIRST, walks, 0));
  process.chdir(from);
  checked('run', runProgram(program));
  process.chdir(home);
  checked('results', lookupElement(map, FIRST, walks));
  const counts = RESULTS.map((name, index) => [name, walks.readUInt32LE(index * 4)] as const);
  const end = BYTES_OFFSET + PATH_BYTES_MAX;
  return {
    results: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    path: walks.subarray(end - walks.readUInt32LE(LENGTH_OFFSET), end).toString(),
  };
}

const below = (top: string) => join(directory, top, ...Array.from({ length: DEPTH }, (_, index) => `d${index}`));

test('whoever renames files elsewhere all the time keeps nobody from being decided about', () => {
  assert.ok(loadObject(object) >= 0, takeWarnings().join('\n'));
  mkdirSync(below('a'), { recursive: true });
  const { results, path } = walk(below('a'));
  assert.deepEqual(results, { resolved: ROUNDS });
  assert.ok(path.endsWith(`${below('a')}/`), path);
});

test('while a directory on the way is renamed, a path has its one name or its other', async () => {
  const renamer = spawn('perl', ['-e', RENAMER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(renamer.stdout, 'data');
    const held = below('a').replace(directory, '');
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        const { results, path } = walk(join(directory, held));
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
        // At that moment the directory had its other name.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  } finally {
    renamer.kill();
    // Until it has ended, it renames what is about to be removed.
    await once(renamer, 'exit');
  }
});
