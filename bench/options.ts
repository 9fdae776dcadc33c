import { parseArgs } from 'node:util';

export interface Options {
  /** Names of the figures to measure. */
  readonly only: RegExp;
  readonly quick: boolean;
  /** Whether everything was requested at full length, so that the figures are worth keeping. */
  readonly complete: boolean;
}

export const USAGE = `Usage: npm run bench -- [--only PATTERN] [--quick]

Prints one JSON line for each figure and, after a complete run, rewrites the table in docs/performance.md. Needs root.

  --only PATTERN  a regular expression: only figures whose name it matches, and that page is left alone
  --quick         fewer and shorter runs, and that page is left alone
  --help          this text
`;

/** @throws TypeError or SyntaxError with a message for the user */
export function readOptions(parameters: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...parameters],
    options: { only: { type: 'string' }, quick: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) return 'help';
  const quick = values.quick ?? false;
  return { only: new RegExp(values.only ?? ''), quick, complete: !quick && values.only === undefined };
}
