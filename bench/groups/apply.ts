import { execFileSync } from 'node:child_process';
import type { FigureName, Group, Recorder, Scope } from '../figures.js';
import { type Applied, applying, type Load, ONE_RULE } from '../support/applying.js';
import { progress } from '../support/progress.js';
import { median } from '../support/statistics.js';

const RULES = { rules: 10, rulesOfKind: 20 };

/** One policy to one container and to many: see {@link applying}. */
export const applyGroup: Group = {
  figures: [
    'apply_ms_1_first',
    'apply_ms_1',
    'apply_cpu_ms_1',
    'apply_ms_1000_containers',
    'apply_cpu_ms_1000_containers',
    'apply_stall_ms',
    'apply_ms_10000_containers',
    'apply_cpu_ms_10000_containers',
  ],
  async measure({ quick, wants }: Scope, record: Recorder) {
    const isWanted = (...names: readonly FigureName[]) => names.some(wants);
    if (isWanted('apply_ms_1_first')) record('apply_ms_1_first', median(firsts(quick ? 1 : 7)));
    if (isWanted('apply_ms_1', 'apply_cpu_ms_1')) {
      const applied = await measured(ONE_RULE, quick ? 5 : 51);
      record('apply_ms_1', median(applied.map(({ decidedMilliseconds }) => decidedMilliseconds)));
      record('apply_cpu_ms_1', median(applied.map((each) => each.processorMilliseconds)));
    }
    if (isWanted('apply_ms_1000_containers', 'apply_cpu_ms_1000_containers', 'apply_stall_ms')) {
      const applied = await measured({ containers: 1000, ...RULES }, quick ? 5 : 51);
      record('apply_ms_1000_containers', median(applied.map(({ milliseconds }) => milliseconds)));
      record('apply_cpu_ms_1000_containers', median(applied.map((each) => each.processorMilliseconds)));
      record('apply_stall_ms', Math.max(...applied.map(({ stallMilliseconds }) => stallMilliseconds)));
    }
    if (isWanted('apply_ms_10000_containers', 'apply_cpu_ms_10000_containers')) {
      const applied = await measured({ containers: 10_000, ...RULES }, quick ? 1 : 7);
      record('apply_ms_10000_containers', median(applied.map(({ milliseconds }) => milliseconds)));
      record('apply_cpu_ms_10000_containers', median(applied.map((each) => each.processorMilliseconds)));
    }
  },
};

async function measured(load: Load, passes: number): Promise<Applied[]> {
  progress(`apply: a policy of ${load.rules} rules to ${load.containers} containers, ${passes} times`);
  const applied: Applied[] = [];
  for await (const each of applying(load, passes)) applied.push(each);
  return applied;
}

/** The times of first policies, each in a process of its own. */
function firsts(passes: number): number[] {
  progress(`apply: the first policy of a process, ${passes} times`);
  return Array.from({ length: passes }, () =>
    Number(execFileSync(process.execPath, ['build/bench/support/first-apply.js'], { encoding: 'utf8' })),
  );
}
