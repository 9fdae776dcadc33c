import { Option } from 'commander';
import { printable, printableJson } from '../printable.js';
import { terminal } from './terminal.js';
import { cutTo } from './text.js';

export type Format = 'table' | 'json' | 'yaml';
/** `wide` is a table with more columns, `name` a line for each thing that other commands take as its name. */
export type ListFormat = Format | 'wide' | 'name';

/** The flag that chooses one. */
export function formatOption(): Option {
  return new Option('-o, --output <format>', 'table, json or yaml').choices(['table', 'json', 'yaml']).default('table');
}

export function listFormatOption(): Option {
  return new Option('-o, --output <format>', 'table, wide (more columns), name, json or yaml')
    .choices(['table', 'wide', 'name', 'json', 'yaml'])
    .default('table');
}

/** Prints values for people in columns, for programs as JSON or YAML. */
export async function print(
  format: Format,
  value: unknown,
  table: () => readonly (readonly string[])[],
): Promise<void> {
  if (format === 'json') terminal().out(`${printableJson(value, 2)}\n`);
  else if (format === 'yaml') {
    const { yamlText } = await import('../yaml-text.js');
    terminal().out(yamlText(value));
  } else terminal().out(columns(table()));
}

/** Rows of equal length, the first of them headings, set in columns. */
export function columns(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows
    .map((row) => row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]!))).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** What stands between two columns. */
const GAP = 2;
/** The least characters by which a cell can be recognised. */
const CELL_LEAST = 10;

/** The same rows cut to fit a terminal if possible: first the last columns, then the longest cells. */
export function fitted(rows: readonly (readonly string[])[], width: number): string[][] {
  const headings = rows[0]!;
  const widths = headings.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  const room = headings.map((heading, index) => Math.max(0, widths[index]! - Math.max(CELL_LEAST, heading.length)));
  let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  const cut = (index: number, most: number) => {
    const by = Math.min(most, room[index]!, Math.max(0, excess));
    widths[index]! -= by;
    room[index]! -= by;
    excess -= by;
  };
  cut(headings.length - 1, excess);
  while (excess > 0 && Math.max(...room) > 0) cut(room.indexOf(Math.max(...room)), 1);
  return rows.map((row) => row.map((cell, index) => cutTo(widths[index]!, cell)));
}

/** With fewer files than this there is no noticeable wait. */
export const FILES_WORTH_PROGRESS = 20;

/** Prints the progress of a long task on standard error, in one line that is overwritten on a terminal. */
export class Progress {
  #last = 0;

  constructor(
    readonly what: string,
    readonly total: number,
  ) {}

  at(count: number): void {
    const now = performance.now();
    if (now - this.#last < 100 && count < this.total) return;
    this.#last = now;
    if (terminal().errIsTerminal)
      terminal().err(`\r${this.what} ${count}/${this.total}${count === this.total ? '\n' : ''}`);
    else if (count === this.total) terminal().err(`${this.what} ${count}\n`);
  }
}

type Colour = 'red' | 'green' | 'yellow' | 'dim';
const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 };

/** Colours a text on a terminal; see https://no-color.org. */
export function coloured(colour: Colour, text: string, isTerminal: boolean = terminal().outIsTerminal): string {
  if (!isTerminal || process.env.NO_COLOR) return printable(text);
  return `\u001b[${CODES[colour]}m${printable(text)}\u001b[0m`;
}
