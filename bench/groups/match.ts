import { compileImage } from '../../src/image/compile.js';
import { releaseKernelImage } from '../../src/kernel/images.js';
import type { FigureName, Group } from '../figures.js';
import { BenchObject, MatchTimer } from '../support/bench-object.js';
import { type MatchCase, timeMatches } from '../support/match-timing.js';
import { exactPath, missedPath, mixedPolicy, ruleSetOf } from '../support/rules.js';

const SIZES = [10, 1000, 10_000] as const;

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
    const cases = SIZES.flatMap((size, index): MatchCase[] => {
      const image = images[index]!;
      const named = Math.floor(size / 8) * 4;
      const reading = (key: string) => ({ key, operation: 'read' }) as const;
      return [
        { name: `match_ns_${size}_hit`, image, access: reading(exactPath(named)), action: 'Block' },
        { name: `match_ns_${size}_miss`, image, access: reading(missedPath(named)), action: 'Allow' },
      ];
    });
    const nothing = { key: '/', operation: 'read' } as const;
    cases.push({ name: 'match_ns_empty', image: images[0]!, access: nothing, action: undefined });
    timeMatches(timer, cases, quick ? 11 : 201, record);
    images.forEach(releaseKernelImage);
    object.close();
  },
};
