import { BOOT_WAYS } from '../../src/kernel/boot-advice.js';
import { HOOK_USES } from '../../src/kernel/hook-uses.js';
import { HOOK_TABLE, LSM_PROGRAMS } from '../../test/support/hook-table.js';
import { code, table } from './sections.js';

/** What cannot be decided on kernels without a newer hook. */
export function laterHookTable(): string {
  const later = new Map(HOOK_TABLE.filter(({ since }) => since !== LSM_PROGRAMS).map((row) => [row.program, row]));
  const rows = [...later.values()].map(({ program, hook, since }) => {
    const { what, else: instead } = HOOK_USES[program]!;
    return [since, code(hook), what, instead === undefined ? 'not decided' : `decided at ${code(instead)}`];
  });
  const number = (version: string) => Number(version.split('.')[0]) * 1000 + Number(version.split('.')[1]);
  rows.sort(([left], [right]) => number(left!) - number(right!));
  return table(['kernel', 'hook', 'about', 'before'], rows);
}

/** How to make each distribution boot with `bpf` among its security modules. */
export function bootTable(): string {
  return table(
    ['host', 'what to do'],
    BOOT_WAYS.map(({ name, how }) => [name, how('lsm=…,bpf')]),
  );
}
