import type { KernelImage } from '../../src/kernel/images.js';
import type { Action } from '../../src/policy/model.js';
import type { FigureName, Recorder } from '../figures.js';
import type { MatchTimer, Question } from './bench-object.js';
import { progress } from './progress.js';
import { median } from './statistics.js';

const ROUNDS = 10_000;

export interface MatchCase {
  readonly name: FigureName;
  readonly image: KernelImage;
  readonly question: Question;
  /** What must be decided; undefined for the loop around no decision. */
  readonly action: Action | undefined;
}

/** Records the median cost of each case. They take turns, so that another load on the machine slows all of them down. */
export function timeMatches(timer: MatchTimer, cases: readonly MatchCase[], passes: number, record: Recorder): void {
  const samples = new Map<FigureName, number[]>(cases.map(({ name }) => [name, []]));
  progress(`match: ${passes} interleaved runs of ${ROUNDS} decisions each`);
  for (let pass = 0; pass < passes; pass++) {
    for (const { name, image, question, action } of cases) {
      const decided = timer.run(action === undefined ? 'empty' : 'match', image, question, ROUNDS);
      if (action !== undefined && decided.action !== action) {
        throw new Error(`${name}: the matcher decided ${decided.action}, not ${action}`);
      }
      samples.get(name)!.push(decided.nanosecondsEach);
    }
  }
  for (const [name, values] of samples) record(name, median(values));
}
