import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtOf } from './mutants.js';
import type { RunnerProcess } from './runner-process.js';

/** What the cases of a test file come to when nothing is wrong. */
export interface Coverage {
  /** Those that pass, the cheapest first. */
  readonly cases: readonly CaseCoverage[];
  /** Mutants that are come to while files are loaded. */
  readonly atLoad: readonly string[];
  /** Digests of the files with mutants, as they were. */
  readonly files: Readonly<Record<string, string>>;
}

export interface CaseCoverage {
  readonly number: number;
  /** Of processor time. */
  readonly milliseconds: number;
  readonly reached: readonly string[];
}

/** Seconds of processor time that a whole file may take. */
const LIMIT_SECONDS = 60;
/** Between runs: what a test comes to in a file stands until one of the two changes. */
const KEPT = 'build/mutation';

/** Finds out what test files come to, once for each. */
export class Coverages {
  readonly #found = new Map<string, Promise<Coverage>>();
  readonly #files: Readonly<Record<string, string>>;

  /** @param sources those that have mutants in the trees */
  constructor(
    sources: readonly string[],
    readonly onUnusable: (test: string) => void,
  ) {
    this.#files = Object.fromEntries(sources.map((source) => [source, digestOf(builtOf(source))]));
  }

  /** @param source of the mutants that it is asked about */
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
    const kept = placeOf(test);
    return existsSync(kept) ? Promise.resolve(JSON.parse(readFileSync(kept, 'utf8')) as Coverage) : undefined;
  }

  async #measure(runner: RunnerProcess, test: string): Promise<Coverage> {
    // Fresh, so that whatever the file loads is noted as come to.
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
    writeFileSync(placeOf(test), JSON.stringify(coverage));
    return coverage;
  }
}

function placeOf(test: string): string {
  return join(KEPT, `${digestOf(test)}.json`);
}

function digestOf(file: string): string {
  return createHash('sha256').update(file).update(readFileSync(file)).digest('hex');
}
