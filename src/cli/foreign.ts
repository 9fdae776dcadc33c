import { Option } from 'commander';
import { counted } from '../counted.js';
import { terminal } from './terminal.js';

/** The flag that skips other kinds of objects. */
export function ignoreForeignOption(): Option {
  return new Option('--ignore-foreign', 'skip objects of other kinds, such as those in a cluster export');
}

/** Prints how many objects were skipped, if any. */
export function printIgnored(count: number | undefined): void {
  if (!count) return;
  terminal().err(`${counted(count, 'object of another kind was', 'objects of other kinds were')} skipped\n`);
}
