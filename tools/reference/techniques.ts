import { actingTechniques, replacements } from '../../test/support/acting-techniques.js';
import { DRIFT_LIMITS, PRIVILEGED_LIMITS } from '../../test/support/limits-table.js';
import { namingTechniques } from '../../test/support/naming-techniques.js';
import type { ContainerKind, Limit, Use } from '../../test/support/use.js';
import { GROUPS } from '../../test/support/uses-table.js';
import { code, table } from './sections.js';

/** Removes the directory: the same is tried in the container's own filesystem and in a volume. */
const PLACE = /,? below (?:\/v)?\/guard$/u;

/** What a process needs for what is tried. */
const PRIVILEGES: Readonly<Record<ContainerKind, string>> = {
  default: 'none',
  unconfined: 'no seccomp and AppArmor',
  privileged: '`--privileged`',
};

/** Ways to use what is blocked, with what comes of each; what a test can try, it tries on a real kernel. */
export function useTable(): string {
  const rows = new Map<string, string[]>();
  const add = (name: string, { technique, container = 'default' }: Use | Limit, outcome: string): void => {
    const row = [name, technique.replace(PLACE, ''), PRIVILEGES[container], outcome];
    rows.set(row.join(), row);
  };
  for (const { name, refused, outOfReach = [] } of GROUPS) {
    for (const each of refused)
      add(name, each, `${each.isHeld ? 'held' : 'refused'} as ${code(each.reported.operation)}`);
    for (const each of outOfReach)
      add(name, each, `**out of reach**${each.command === undefined ? ' (not tried)' : ''}: ${each.why}`);
  }
  return table(['rules about', 'what is tried', 'with the privilege', 'outcome'], [...rows.values()]);
}

/** What stays possible beside the preset `drift`. */
export function driftLimitTable(): string {
  const rows = DRIFT_LIMITS.map(({ technique, privilege }) => [technique, privilege]);
  return table(['what stays possible', 'what it takes'], rows);
}

/** What containers with privileges can still do. */
export function privilegedLimitTable(): string {
  const rows = PRIVILEGED_LIMITS.map(({ technique, privilege, underHardened }) => [
    technique,
    privilege,
    underHardened,
  ]);
  return table(['what stays possible', 'what it takes', 'with `hardened`'], rows);
}

/** Ways to act as a program that a rule names as its source, each of which a test tries on a real kernel. */
export function actingTable(): string {
  const acting = actingTechniques({ helper: '', secret: '', library: '', imageLibrary: '' });
  return table(
    ['what is tried', ''],
    [
      ...acting.map(({ technique, reported }) => [
        technique,
        reported.operation === 'trace' ? 'refused' : 'runs, without what the rule allows',
      ]),
      ...Object.keys(replacements({ helper: '', source: '', other: '' })).map((technique) => [technique, 'refused']),
    ],
  );
}

/** Ways to give a blocked file another name, each of which a test tries on a real kernel. */
export function namingTable(): string {
  const rows = new Map<string, { privileges: string[]; expected: string }>();
  for (const { technique, privilege, expected } of namingTechniques('/run')) {
    const row = rows.get(technique) ?? { privileges: [], expected };
    row.privileges.push(privilege);
    rows.set(technique, row);
  }
  return table(
    ['what is tried', 'with the privilege', ''],
    [...rows].map(([technique, { privileges, expected }]) => [technique, privileges.join(' or '), expected]),
  );
}
