import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../rpc/support.js';

const BLOCKS = [...readFileSync('src/client/README.md', 'utf8').matchAll(/^```js\n(.*?)^```$/gmsu)].map(
  ([, block]) => block!,
);

/** What the compiler finds wrong with programs that import the client by the name of its package. */
function problemsOf(t: TestContext, programs: readonly string[]): string {
  const directory = temporaryDirectory(t);
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  for (const [index, program] of programs.entries()) writeFileSync(join(directory, `${index}.mts`), program);
  const paths = { '@hauberk/client': [resolve('build/src/client/index.d.ts')] };
  const compilerOptions = {
    ...JSON.parse(readFileSync('tsconfig.json', 'utf8')).compilerOptions,
    rootDir: '/',
    paths,
    noUnusedLocals: false,
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  return spawnSync('node_modules/.bin/tsc', ['--noEmit', '-p', directory], { encoding: 'utf8' }).stdout;
}

test("the programs in the README of the client's package fit its types", (t) => {
  assert.equal(BLOCKS.length, 2);
  assert.equal(problemsOf(t, BLOCKS), '');
  const [first] = BLOCKS;
  assert.match(problemsOf(t, [first!.replace('applyPolicy', 'apply')]), /Property 'apply' does not exist/u);
});
