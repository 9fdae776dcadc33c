import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { FIGURE_NAMES, FIGURES, type FigureName, rounded } from './figures.js';

const BEGIN = '<!-- bench -->';
const END = '<!-- /bench -->';

export interface Conditions {
  readonly command: string;
  /** Release of this machine's kernel, and of the virtual machine's. */
  readonly kernel: string;
  readonly guestKernel: string;
  readonly processor: string;
  readonly processors: number;
  readonly date: string;
}

export function conditions(command: string, guestKernel: string): Conditions {
  const processors = cpus();
  // Some machines do not have a model name in the file that libuv reads.
  const model =
    processors[0]?.model.trim() || /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return {
    command,
    kernel: release(),
    guestKernel,
    processor: model ?? 'unknown',
    processors: processors.length,
    date: new Date().toISOString().slice(0, 10),
  };
}

/**
 * The text with a new table between its two markers.
 *
 * @throws Error when the text does not hold both markers, in order
 */
export function rewriteTable(text: string, values: ReadonlyMap<FigureName, number>, under: Conditions): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the text needs a line ${BEGIN} and, below it, a line ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n${section(values, under)}\n${text.slice(end)}`;
}

function section(values: ReadonlyMap<FigureName, number>, under: Conditions): string {
  const rows = FIGURE_NAMES.map((name) => {
    const { unit, target, meaning } = FIGURES[name];
    const value = values.get(name);
    return `| \`${name}\` | ${value === undefined ? 'not measured' : rounded(value)} | ${unit} | ${target ?? ''} | ${meaning} |`;
  });
  return [
    `\`${under.command}\` on ${under.date}: ${under.processors} × ${under.processor}, kernel ${under.kernel}. Figures named \`vm_\`, \`start_\` and \`daemon_\` come from`,
    `the virtual machine, kernel ${under.guestKernel} under software emulation: there only ratios and memory are meaningful.`,
    '',
    '| figure | value | unit | target | |',
    '|---|---:|---|---|---|',
    ...rows,
  ].join('\n');
}
