import type { KernelImage } from '../../src/kernel/images.js';
import type { Action } from '../../src/policy/model.js';
import type { FigureName, Recorder } from '../figures.js';
import type { MatchTimer, TimedAccess } from './bench-object.js';
import { progress } from './progress.js';
import { median } from './statistics.js';

const ROUNDS = 10_000;

export interface MatchCase {
  readonly name: FigureName;
  readonly image: KernelImage;
  readonly access: TimedAccess;
  /** The expected decision; undefined for the empty loop. */
  readonly action: Action | undefined;
}

/** Records the median cost of each case. Runs are interleaved, so that other load on the machine affects all cases. */
export function timeMatches(timer: MatchTimer, cases: readonly MatchCase[], passes: number, record: Recorder): void {
  const samples = new Map<FigureName, number[]>(cases.map(({ name }) => [name, []]));
  progress(`match: ${passes} interleaved runs of ${ROUNDS} decisions each`);
  for (let pass = 0; pass < passes; pass++) {
    for (const { name, image, access, action } of cases) {
      const decided = timer.run(action === undefined ? 'empty' : 'match', image, access, ROUNDS);
      if (action !== undefined && decided.action !== action) {
        throw new Error(`${name}: the matcher decided ${decided.action}, not ${action}`);
      }
      samples.get(name)!.push(decided.nanosecondsEach);
    }
  }
  for (const [name, values] of samples) record(name, median(values));
}
