import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { type HauberkClient, HauberkError } from '../client/messages.js';
import { withClient } from './connection.js';
import { columns, fitted, type ListFormat, print } from './output.js';
import { terminal } from './terminal.js';
import { whyUnreachable } from './unreachable.js';

/** Things of one kind that the daemon holds, and how they are shown. */
export interface Listing<Item> {
  list(client: HauberkClient): Promise<readonly Item[]>;
  /** As other commands take it. */
  name(item: Item): string;
  /** For programs. */
  view(item: Item): object;
  readonly headings: readonly string[];
  cells(item: Item): readonly string[];
  /** Headings that a table on a terminal omits if no item has anything there (`-` or 0), unless it is a wide one. */
  readonly optionalHeadings?: readonly string[];
  /** Further columns of a wide table. */
  readonly wideHeadings: readonly string[];
  wideCells(item: Item): readonly string[];
}

export interface ListOptions {
  readonly output: ListFormat;
  readonly watch?: boolean;
}

export function watchOption(): Option {
  return new Option('-w, --watch', 'after the list, keep printing changes until interrupted');
}

/** How often changes are looked for. */
const WATCH_MILLISECONDS = 1000;

export async function show<Item>(command: Command, listing: Listing<Item>, options: ListOptions): Promise<void> {
  const { output, watch = false } = options;
  if (watch) return follow(command, listing, output);
  const items = await withClient(command, (client) => listing.list(client));
  if (output === 'name') return terminal().out(items.map((item) => `${listing.name(item)}\n`).join(''));
  const format = output === 'wide' ? 'table' : output;
  await print(format, items.map(listing.view), () => {
    const rows = items.map((item) => cellsOf(listing, item, output));
    const table = [headingsOf(listing, output), ...rows];
    if (output === 'wide' || !terminal().outIsTerminal) return table;
    const isShown = isWorthShowing(listing, rows);
    return fitted(
      table.map((row) => row.filter((_, index) => isShown(index))),
      terminal().columns,
    );
  });
}

function isWorthShowing<Item>(
  { headings, optionalHeadings = [] }: Listing<Item>,
  rows: readonly (readonly string[])[],
) {
  return (index: number): boolean =>
    !optionalHeadings.includes(headings[index]!) || rows.some((row) => !['-', '0'].includes(row[index]!));
}

/** Shows all items and then, until interrupted, changes. */
async function follow<Item>(command: Command, listing: Listing<Item>, output: ListFormat): Promise<void> {
  const signal = terminal().interrupted;
  let known = new Map<string, string>();
  let isFirst = true;
  await withClient(command, async (client, target) => {
    while (!signal.aborted) {
      try {
        const items = await listing.list(client);
        const now = new Map(items.map((item) => [listing.name(item), textOf(listing.view(item))]));
        const changed = items.filter((item) => known.get(listing.name(item)) !== now.get(listing.name(item)));
        const gone = [...known.keys()].filter((name) => !now.has(name));
        await showChanges(listing, output, changed, gone, isFirst);
        known = now;
        isFirst = false;
      } catch (error) {
        const why = error instanceof HauberkError && !isFirst ? whyUnreachable(error, target) : undefined;
        if (why === undefined) throw error;
        terminal().err(`hauberk: ${why}; trying again\n`);
      }
      await sleep(WATCH_MILLISECONDS, undefined, { signal }).catch(() => undefined);
    }
  });
}

async function showChanges<Item>(
  listing: Listing<Item>,
  output: ListFormat,
  changed: readonly Item[],
  gone: readonly string[],
  isFirst: boolean,
): Promise<void> {
  const out = (text: string) => terminal().out(text);
  if (output === 'name') {
    for (const item of changed) out(`${listing.name(item)}\n`);
  } else if (output === 'json') {
    for (const item of changed) out(`${textOf(listing.view(item))}\n`);
  } else if (output === 'yaml') {
    const { yamlText } = await import('../yaml-text.js');
    for (const item of changed) out(`---\n${yamlText(listing.view(item))}`);
  } else {
    const rows = changed.map((item) => cellsOf(listing, item, output));
    if (isFirst || rows.length > 0) out(columns(isFirst ? [headingsOf(listing, output), ...rows] : rows));
  }
  // If a program reads the output, it must only contain documents.
  for (const name of gone) terminal().err(`${name} is gone\n`);
}

function headingsOf<Item>({ headings, wideHeadings }: Listing<Item>, output: ListFormat): readonly string[] {
  return output === 'wide' ? [...headings, ...wideHeadings] : headings;
}

function cellsOf<Item>(listing: Listing<Item>, item: Item, output: ListFormat): readonly string[] {
  return output === 'wide' ? [...listing.cells(item), ...listing.wideCells(item)] : listing.cells(item);
}

function textOf(view: object): string {
  return JSON.stringify(view);
}
