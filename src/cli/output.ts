import { Option } from 'commander';
import { terminal } from './terminal.js';

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
  if (format === 'json') terminal().out(`${JSON.stringify(value, undefined, 2)}\n`);
  else if (format === 'yaml') {
    const { yamlText } = await import('./yaml-text.js');
    terminal().out(yamlText(value));
  } else terminal().out(columns(table()));
}

/** Rows of equal length, the first of them headings, set in columns. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows
    .map((row) => row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]!))).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** With fewer of them than these nobody waits. */
export const FILES_WORTH_PROGRESS = 20;

/** Says on standard error how far a long task is; in one line that is written over where that can be. */
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

/** Colours a text where a person sees it; see https://no-color.org. */
export function coloured(colour: Colour, text: string, isTerminal: boolean = terminal().outIsTerminal): string {
  if (!isTerminal || process.env.NO_COLOR) return text;
  return `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
