import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImportGraph } from './import-graph.js';
import { builtOf } from './mutants.js';
import type { RunnerProcess } from './runner-process.js';

/** What the cases of a test file come to when nothing is wrong. */
export interface Coverage {
  /** Those that pass, the cheapest first. */
  readonly cases: readonly CaseCoverage[];
  /** Mutants that are come to while files are loaded. */
  readonly atLoad: readonly string[];
}

export interface CaseCoverage {
  readonly number: number;
  /** Of processor time. */
  readonly milliseconds: number;
  readonly reached: readonly string[];
}

/** Seconds of processor time that a whole file may take. */
const LIMIT_SECONDS = 60;
/** Between runs, for as long as neither a test nor anything that it imports changes. */
const KEPT = 'build/mutation';

/** Finds out what test files come to, once for each. */
export class Coverages {
  readonly #found = new Map<string, Promise<Coverage>>();

  constructor(
    readonly graph: ImportGraph,
    /** Files that have mutants in the trees. */
    readonly sources: readonly string[],
    readonly onUnusable: (test: string) => void,
  ) {}

  of(runner: RunnerProcess, test: string): Promise<Coverage> {
    const found = this.#found.get(test) ?? this.#find(runner, test);
    this.#found.set(test, found);
    return found;
  }

  async #find(runner: RunnerProcess, test: string): Promise<Coverage> {
    const kept = join(KEPT, `${this.#digestOf(test)}.json`);
    if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Coverage;
    // Fresh, so that whatever the file loads is noted as come to.
    runner.restart();
    const answer = await runner.run({ file: test, stops: false }, LIMIT_SECONDS);
    const cases = (answer?.results ?? []).filter(({ passed }) => passed);
    if (answer?.results === undefined || cases.length < answer.results.length) this.onUnusable(test);
    const coverage: Coverage = {
      cases: cases.sort((a, b) => a.milliseconds - b.milliseconds),
      atLoad: answer?.atLoad ?? [],
    };
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(kept, JSON.stringify(coverage));
    return coverage;
  }

  #digestOf(test: string): string {
    const hash = createHash('sha256');
    const mutated = new Set(this.sources.map(builtOf));
    for (const file of [...this.graph.distancesFrom(test).keys()].sort()) {
      hash.update(`${file} ${mutated.has(file)}`).update(readFileSync(file));
    }
    return hash.digest('hex');
  }
}
