import { compileImage } from '../../src/image/compile.js';
import { VERDICT_ACTION_SHIFT } from '../../src/image/layout.js';
import { releaseKernelImage } from '../../src/kernel/images.js';
import type { FigureName, Group } from '../figures.js';
import { BenchObject, MatchTimer } from '../support/bench-object.js';
import { progress } from '../support/progress.js';
import { exactPath, missedPath, mixedPolicy, ruleSetOf } from '../support/rules.js';
import { median } from '../support/statistics.js';

const SIZES = [10, 1000, 10_000] as const;
const ROUNDS = 10_000;

/** The matcher of the enforcement programs, looped in the kernel. */
export const matchGroup: Group = {
  figures: [
    ...SIZES.flatMap((size): FigureName[] => [`match_ns_${size}_hit`, `match_ns_${size}_miss`]),
    'match_ns_empty',
  ],
  async measure({ quick }, record) {
    const object = new BenchObject();
    const timer = new MatchTimer(object);
    const images = SIZES.map((size) => timer.load(compileImage(ruleSetOf(mixedPolicy('bench', size)))));
    const cases = SIZES.flatMap((size, index) => {
      const image = images[index]!;
      const named = Math.floor(size / 8) * 4;
      return [
        { name: `match_ns_${size}_hit`, what: 'match', image, path: exactPath(named), action: 2 },
        { name: `match_ns_${size}_miss`, what: 'match', image, path: missedPath(named), action: 0 },
      ] as const;
    });
    const nothing = { name: 'match_ns_empty', what: 'empty', image: images[0]!, path: '/', action: undefined } as const;

    const samples = new Map<FigureName, number[]>();
    const passes = quick ? 11 : 201;
    progress(`match: ${passes} interleaved runs of ${ROUNDS} decisions each`);
    for (let pass = 0; pass < passes; pass++) {
      for (const { name, what, image, path, action } of [...cases, nothing]) {
        const { nanosecondsEach, verdict } = timer.run(what, image, path, ROUNDS);
        if (action !== undefined && verdict >>> VERDICT_ACTION_SHIFT !== action) {
          throw new Error(`${name}: the matcher decided ${verdict >>> VERDICT_ACTION_SHIFT}, not ${action}`);
        }
        const known = samples.get(name);
        if (known === undefined) samples.set(name, [nanosecondsEach]);
        else known.push(nanosecondsEach);
      }
    }
    for (const [name, values] of samples) record(name, median(values));
    images.forEach(releaseKernelImage);
    object.close();
  },
};
