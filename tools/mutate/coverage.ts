import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runTest } from './test-run.js';

/** What a test file runs when nothing is wrong. */
export interface Coverage {
  readonly milliseconds: number;
  /** Whether it runs what stands at a place of a built file. */
  runs(file: string, offset: number): boolean;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

const LIMIT_MILLISECONDS = 180_000;

/** Runs a test file in a copy of the tree; undefined where it does not pass. */
export async function coverageOf(tree: string, test: string, files: readonly string[]): Promise<Coverage | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-coverage-'));
  try {
    const start = performance.now();
    if ((await runTest(tree, test, LIMIT_MILLISECONDS, { NODE_V8_COVERAGE: directory })) !== 'passed') return undefined;
    const milliseconds = performance.now() - start;
    const covered = readCoverage(tree, directory, files);
    return {
      milliseconds,
      runs: (file, offset) => covered.get(file)?.some((script) => script[offset] === 1) ?? false,
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** By file, for each process or thread that loaded it: 1 for each character that was run. */
function readCoverage(tree: string, directory: string, files: readonly string[]): Map<string, Uint8Array[]> {
  const byUrl = new Map(files.map((file) => [pathToFileURL(join(tree, file)).href, file]));
  const covered = new Map<string, Uint8Array[]>();
  for (const name of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as { result: ScriptCoverage[] };
    for (const { url, functions } of result) {
      const file = byUrl.get(url);
      if (file !== undefined) covered.set(file, [...(covered.get(file) ?? []), charactersRun(functions)]);
    }
  }
  return covered;
}

/** Inner ranges stand behind the outer ones that they are taken out of. */
function charactersRun(functions: ScriptCoverage['functions']): Uint8Array {
  const ranges = functions.flatMap((each) => each.ranges);
  const run = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)));
  for (const { startOffset, endOffset, count } of ranges) run.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return run;
}
