import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import koffi from 'koffi';
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
  takeWarnings,
  updateElement,
} from '../../src/kernel/libbpf.js';

/** struct walks of bpf/path.bpf.c, up to its path. */
const RESULTS = ['resolved', 'too-long', 'unreachable', 'unstable', 'unavailable', 'unreadable', 'routed', 'internal'];
const ROUNDS_OFFSET = 32;
const LENGTH_OFFSET = 36;
const BYTES_OFFSET = 40;
const PATH_BYTES_MAX = 4096;
const WALKS_BYTES = BYTES_OFFSET + PATH_BYTES_MAX + 256 + 80;
const TEST_RUN_OPTIONS_BYTES = 80;
const FIRST = Uint32Array.of(0);
const ROUNDS = 20_000;
/** Walks take the longer, and are disturbed the more often, the deeper a file lies. */
const DEPTH = 100;
/** Renames two files, again and again, until it is ended. */
const RENAMER = `use strict; my ($d) = @ARGV; open(my $f, '>', "$d/a"); close $f; print "begins\\n"; $| = 1;
while (1) { rename "$d/a", "$d/b"; rename "$d/b", "$d/a" }`;

const testRun = koffi.load('libbpf.so.1').func('int bpf_prog_test_run_opts(int fd, void *options)');
const home = process.cwd();
const object = checkedPointer('open', openObject('build/bpf/path.bpf.o', null));
const directory = mkdtempSync(join(tmpdir(), 'walks-'));
after(() => {
  process.chdir(home);
  closeObject(object);
  rmSync(directory, { recursive: true });
});

test('whoever renames files elsewhere all the time keeps nobody from being decided about', async () => {
  const deep = join(directory, ...Array.from({ length: DEPTH }, (_, index) => `d${index}`));
  mkdirSync(deep, { recursive: true });
  assert.ok(loadObject(object) >= 0, takeWarnings().join('\n'));
  const program = checked('program', programDescriptor(nextProgram(object, null)));
  const map = checked('map', mapDescriptor(findMap(object, 'walks')));
  const walks = Buffer.alloc(WALKS_BYTES);
  walks.writeUInt32LE(ROUNDS, ROUNDS_OFFSET);
  checked('rounds', updateElement(map, FIRST, walks, 0));
  const renamer = spawn('perl', ['-e', RENAMER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => renamer.stdout.once('data', resolve));
    process.chdir(deep);
    const options = Buffer.alloc(TEST_RUN_OPTIONS_BYTES);
    options.writeBigUInt64LE(BigInt(TEST_RUN_OPTIONS_BYTES));
    checked('run', testRun(program, options));
  } finally {
    renamer.kill();
  }
  checked('results', lookupElement(map, FIRST, walks));
  const counts = RESULTS.map((name, index) => [name, walks.readUInt32LE(index * 4)] as const);
  assert.deepEqual(
    counts.filter(([, count]) => count > 0),
    [['resolved', ROUNDS]],
  );
  const end = BYTES_OFFSET + PATH_BYTES_MAX;
  const path = walks.subarray(end - walks.readUInt32LE(LENGTH_OFFSET), end).toString();
  assert.ok(path.endsWith(`${deep}/`), path);
});
