import { actingTechniques, replacements } from '../../test/support/acting-techniques.js';
import { namingTechniques } from '../../test/support/naming-techniques.js';
import { GROUPS } from '../../test/support/uses-table.js';
import { code, table } from './sections.js';

/** Removes the directory: the same is tried in the container's own filesystem and in a volume. */
const PLACE = /,? below (?:\/v)?\/guard$/u;

/** Ways to use what is blocked, each of which a test tries on a real kernel. */
export function useTable(): string {
  const rows = new Map<string, string[]>();
  for (const { name, refused } of GROUPS) {
    for (const { technique, reported } of refused) {
      const row = [name, technique.replace(PLACE, ''), code(reported.operation)];
      rows.set(row.join(), row);
    }
  }
  return table(['rules about', 'what is tried', 'refused as'], [...rows.values()]);
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
