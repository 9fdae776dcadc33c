import { compileImage } from '../../src/image/compile.js';
import type { Group } from '../figures.js';
import { processorMilliseconds } from '../support/processor-time.js';
import { progress } from '../support/progress.js';
import { mixedPolicy, ruleSetOf } from '../support/rules.js';
import { median } from '../support/statistics.js';

/** From a resolved rule set to an image, in user space. */
export const compileGroup: Group = {
  figures: ['compile_s_1000', 'compile_s_10000', 'compile_cpu_s_10000', 'image_bytes_per_rule_10000'],
  async measure({ quick, wants }, record) {
    const large = compileGroup.figures.some((figure) => figure.endsWith('_10000') && wants(figure));
    for (const size of large ? ([1000, 10_000] as const) : ([1000] as const)) {
      const ruleSet = ruleSetOf(mixedPolicy('bench', size));
      const passes = quick ? 1 : 7;
      progress(`compile: ${size} rules, ${passes} times`);
      const processorSeconds: number[] = [];
      const seconds = Array.from({ length: passes }, () => {
        const processor = processorMilliseconds();
        const began = performance.now();
        compileImage(ruleSet);
        processorSeconds.push((processorMilliseconds() - processor) / 1000);
        return (performance.now() - began) / 1000;
      });
      record(`compile_s_${size}`, median(seconds));
      if (size === 10_000) record('compile_cpu_s_10000', median(processorSeconds));
      if (size === 10_000) record('image_bytes_per_rule_10000', compileImage(ruleSet).words.byteLength / size);
    }
  },
};
