import { Option } from 'commander';
import { terminal } from './terminal.js';

/** The flag that passes over other kinds of objects. */
export function ignoreForeignOption(): Option {
  return new Option(
    '--ignore-foreign',
    'pass over objects of other kinds, as directories and exports of a cluster have them',
  );
}

/** Says how many objects were passed over, if any. */
export function sayIgnored(count: number | undefined): void {
  if (!count) return;
  terminal().err(
    `${count} ${count === 1 ? 'object of another kind was' : 'objects of other kinds were'} passed over\n`,
  );
}
