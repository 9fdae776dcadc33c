import type { CaseCoverage, Coverages } from './coverage.js';
import type { Mutant } from './mutants.js';
import type { Result } from './results.js';
import type { RunnerProcess } from './runner-process.js';

/** How many test files are tried, with all cases, for a mutant in code that runs at load. */
const FILES_AT_LOAD = 3;

/** Tries mutants with the test cases that reach them. */
export class Judge {
  /** Cases that fail without a mutant when they run alone, by test file. */
  readonly #unusable = new Map<string, Set<number>>();

  constructor(
    readonly runner: RunnerProcess,
    readonly coverages: Coverages,
    /** The most test files that are tried for one mutant. */
    readonly mostFiles: number,
  ) {}

  /**
   * @param tests files that import the mutant's, the likeliest to notice it first
   * @param isOver whether the time is up: then it returns undefined
   */
  async judge({ id, source }: Mutant, tests: readonly string[], isOver: () => boolean): Promise<Result | undefined> {
    let result: Result = 'untested';
    let tried = 0;
    for (const test of tests) {
      if (isOver()) return undefined;
      const { cases, atLoad } = await this.coverages.of(this.runner, test, source);
      const isAtLoad = atLoad.includes(id);
      const fit = isAtLoad ? cases : cases.filter(({ reached }) => reached.includes(id));
      if (fit.length === 0) continue;
      result = 'survived';
      if (tried++ === (isAtLoad ? Math.min(this.mostFiles, FILES_AT_LOAD) : this.mostFiles)) break;
      if (await (isAtLoad ? this.#isNoticedAtLoad(id, test, fit) : this.#isNoticed(id, test, fit)))
        // When the time is up the runner is stopped, which looks like a hang.
        return isOver() ? undefined : 'killed';
    }
    return result;
  }

  async #isNoticedAtLoad(mutant: string, file: string, cases: readonly CaseCoverage[]): Promise<boolean> {
    this.runner.restart(mutant);
    const failed = await this.#failing(mutant, file, cases);
    this.runner.stop();
    return failed !== undefined;
  }

  async #isNoticed(mutant: string, file: string, cases: readonly CaseCoverage[]): Promise<boolean> {
    for (;;) {
      const failed = await this.#failing(mutant, file, cases);
      if (failed === undefined) return false;
      if (failed === 'hung' || (await this.#passesWithout(file, failed))) return true;
      // It fails from what an earlier mutant left behind, or it depends on the cases before it.
      this.runner.restart();
      if (await this.#passesWithout(file, failed)) continue;
      const unusable = this.#unusable.get(file) ?? new Set();
      this.#unusable.set(file, unusable.add(failed));
    }
  }

  /** The first case that fails with the mutant. */
  async #failing(mutant: string, file: string, all: readonly CaseCoverage[]): Promise<number | 'hung' | undefined> {
    const cases = all.filter(({ number }) => !this.#unusable.get(file)?.has(number));
    const seconds = cases.reduce((sum, { milliseconds }) => sum + milliseconds / 1000, 0);
    const numbers = cases.map(({ number }) => number);
    const answer = await this.runner.run({ file, mutant, cases: numbers, stops: true }, seconds);
    if (answer === undefined || answer.results === undefined) return 'hung';
    return answer.results.find(({ passed }) => !passed)?.number;
  }

  async #passesWithout(file: string, number: number): Promise<boolean> {
    const answer = await this.runner.run({ file, cases: [number], stops: true }, 5);
    return answer?.results?.every(({ passed }) => passed) ?? false;
  }
}
