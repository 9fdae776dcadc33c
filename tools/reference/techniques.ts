import { namingTechniques } from '../../test/support/naming-techniques.js';
import { GROUPS } from '../../test/support/uses-table.js';
import { code, table } from './sections.js';

/** Ways to use what is blocked, each of which a test tries on a real kernel. */
export function useTable(): string {
  const rows = GROUPS.flatMap(({ name, refused }) =>
    refused.map(({ technique, told }) => [name, technique, code(told.operation)]),
  );
  return table(['rules about', 'what is tried', 'refused as'], rows);
}

/** Ways to give what is blocked another name, each of which a test tries on a real kernel. */
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
