import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtOf } from './mutants.js';
import type { RunnerProcess } from './runner-process.js';

/** The mutants that the cases of a test file reach while none is active. */
export interface Coverage {
  /** The cases that pass, the cheapest first. */
  readonly cases: readonly CaseCoverage[];
  /** Mutants that are reached while files are loaded. */
  readonly atLoad: readonly string[];
  /** Digests of the files with mutants at that time. */
  readonly files: Readonly<Record<string, string>>;
}

export interface CaseCoverage {
  readonly number: number;
  /** Processor time. */
  readonly milliseconds: number;
  readonly reached: readonly string[];
}

/** Seconds of processor time that a whole file may take. */
const LIMIT_SECONDS = 60;
/** The directory in which coverage is kept between runs, until test or source change. */
const KEPT = 'build/mutation';

/** Measures the coverage of test files, once for each. */
export class Coverages {
  readonly #found = new Map<string, Promise<Coverage>>();
  readonly #files: Readonly<Record<string, string>>;

  /** @param sources the files with mutants */
  constructor(
    sources: readonly string[],
    readonly onUnusable: (test: string) => void,
  ) {
    this.#files = Object.fromEntries(sources.map((source) => [source, digestOf(builtOf(source))]));
  }

  /** @param source the file of the mutants in question */
  async of(runner: RunnerProcess, test: string, source: string): Promise<Coverage> {
    const found = this.#found.get(test) ?? this.#kept(test) ?? this.#measure(runner, test);
    this.#found.set(test, found);
    const coverage = await found;
    if (coverage.files[source] === this.#files[source]) return coverage;
    const measured = this.#measure(runner, test);
    this.#found.set(test, measured);
    return measured;
  }

  #kept(test: string): Promise<Coverage> | undefined {
    const kept = pathFor(test);
    return existsSync(kept) ? Promise.resolve(JSON.parse(readFileSync(kept, 'utf8')) as Coverage) : undefined;
  }

  async #measure(runner: RunnerProcess, test: string): Promise<Coverage> {
    // A fresh process, so that mutants reached while the file is loaded are noted.
    runner.restart();
    const answer = await runner.run({ file: test, stops: false }, LIMIT_SECONDS);
    const cases = (answer?.results ?? []).filter(({ passed }) => passed);
    if (answer?.results === undefined || cases.length < answer.results.length) this.onUnusable(test);
    const coverage: Coverage = {
      cases: cases.sort((a, b) => a.milliseconds - b.milliseconds),
      atLoad: answer?.atLoad ?? [],
      files: this.#files,
    };
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(pathFor(test), JSON.stringify(coverage));
    return coverage;
  }
}

function pathFor(test: string): string {
  return join(KEPT, `${digestOf(test)}.json`);
}

function digestOf(file: string): string {
  return createHash('sha256').update(file).update(readFileSync(file)).digest('hex');
}
