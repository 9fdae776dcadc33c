import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImportGraph } from './import-graph.js';
import { runTest } from './test-run.js';

/** What a test file runs when nothing is wrong. */
export interface Coverage {
  readonly milliseconds: number;
  /** By built file, for each process or thread that loaded it: inner ranges behind those that they are taken out of. */
  readonly ranges: Readonly<Record<string, readonly (readonly Range[])[]>>;
}

type Range = readonly [start: number, end: number, count: number];

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

const LIMIT_MILLISECONDS = 180_000;
/** Between runs, for as long as neither a test nor anything that it imports changes. */
const KEPT = 'build/mutation';

/** Whether a test runs what stands at a place of a built file. */
export function runs({ ranges }: Coverage, file: string, offset: number): boolean {
  return (ranges[file] ?? []).some((script) => {
    const innermost = script.findLast(([start, end]) => start <= offset && offset < end);
    return innermost !== undefined && innermost[2] > 0;
  });
}

/** Finds out what test files run, once for each. */
export class Coverages {
  readonly #found = new Map<string, Promise<Coverage | undefined>>();

  constructor(
    readonly graph: ImportGraph,
    readonly onUnusable: (test: string) => void,
  ) {}

  /** @param tree a copy of the tree in which nothing is wrong; undefined for a test that does not pass there */
  of(tree: string, test: string): Promise<Coverage | undefined> {
    const found = this.#found.get(test) ?? this.#find(tree, test);
    this.#found.set(test, found);
    return found;
  }

  async #find(tree: string, test: string): Promise<Coverage | undefined> {
    const kept = join(KEPT, `${this.#digestOf(test)}.json`);
    if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Coverage;
    const coverage = await measure(tree, test);
    if (coverage === undefined) {
      this.onUnusable(test);
      return undefined;
    }
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(kept, JSON.stringify(coverage));
    return coverage;
  }

  #digestOf(test: string): string {
    const hash = createHash('sha256');
    for (const file of [...this.graph.distancesFrom(test).keys()].sort()) hash.update(file).update(readFileSync(file));
    return hash.digest('hex');
  }
}

async function measure(tree: string, test: string): Promise<Coverage | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-coverage-'));
  try {
    const start = performance.now();
    const outcome = await runTest(tree, test, LIMIT_MILLISECONDS, { NODE_V8_COVERAGE: directory });
    if (outcome !== 'passed') return undefined;
    return { milliseconds: performance.now() - start, ranges: readRanges(tree, directory) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function readRanges(tree: string, directory: string): Coverage['ranges'] {
  const ranges: Record<string, Range[][]> = {};
  for (const name of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as { result: ScriptCoverage[] };
    for (const { url, functions } of result) {
      const file = url.startsWith('file:') ? relative(tree, fileURLToPath(url)) : '';
      if (!file.startsWith('build/src/')) continue;
      ranges[file] ??= [];
      ranges[file].push(
        functions.flatMap((each) =>
          each.ranges.map(({ startOffset, endOffset, count }): Range => [startOffset, endOffset, count]),
        ),
      );
    }
  }
  return ranges;
}
