import { Option } from 'commander';
import { printable, printableJson, printableLines } from '../printable.js';

export type Format = 'table' | 'json' | 'yaml';

/** The flag that chooses one. */
export function formatOption(): Option {
  return new Option('-o, --output <format>', 'table, json or yaml').choices(['table', 'json', 'yaml']).default('table');
}

/** Prints values for people in columns, for programs as JSON or YAML. */
export async function print(
  format: Format,
  value: unknown,
  table: () => readonly (readonly string[])[],
): Promise<void> {
  if (format === 'json') process.stdout.write(`${printableJson(value, 2)}\n`);
  else if (format === 'yaml') {
    const { yamlText } = await import('../yaml-text.js');
    process.stdout.write(yamlText(value));
  } else process.stdout.write(columns(table()));
}

/** Writes a line that may hold what containers have chosen, without colours. */
export function say(line: string): void {
  process.stdout.write(`${printableLines(line)}\n`);
}

/** The same on standard error. */
export function warn(line: string): void {
  process.stderr.write(`${printableLines(line)}\n`);
}

/** Rows of equal length, the first of them headings, set in columns; no cell reaches beyond its place. */
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
    if (process.stderr.isTTY)
      process.stderr.write(`\r${this.what} ${count}/${this.total}${count === this.total ? '\n' : ''}`);
    else if (count === this.total) process.stderr.write(`${this.what} ${count}\n`);
  }
}

type Colour = 'red' | 'green' | 'yellow' | 'dim';
const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 };

/** A text that shows what is in it, coloured where a person sees it; see https://no-color.org. */
export function coloured(colour: Colour, text: string, isTerminal: boolean | undefined = process.stdout.isTTY): string {
  if (!isTerminal || process.env.NO_COLOR) return printable(text);
  return `\u001b[${CODES[colour]}m${printable(text)}\u001b[0m`;
}
