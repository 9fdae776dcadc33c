import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

test('each header of the BPF programs includes what it needs', () => {
  const headers = readdirSync('bpf/include').map((name) => `bpf/include/${name}`);
  const failed = headers.flatMap((header) => {
    // Before an empty file, since some warnings are only for what is in the file itself.
    const compiler = ['-fsyntax-only', '-include', header, '-x', 'c', '/dev/null'];
    const { status, stderr } = spawnSync('tools/clang-bpf', compiler, { encoding: 'utf8' });
    return status === 0 ? [] : [`${header}: ${stderr}`];
  });
  assert.deepEqual(failed, []);
  assert.ok(headers.length > 50);
});
